"""The stem: it has imported the module, and forks a process for each connection that its server sends.

The processes are children of the server, as if it had started each of them:
``cdbext/python/stemfork.c``.  A packet is only looked at, then the process is forked,
and then the packet is taken out of the channel.  So whenever a stem is killed, a
connection has its process, or the packet is still there for the server to read.
"""

import _socket
import gc
import os
import sys
from stat import S_ISSOCK

from ucspi.errors import NoFunctionError
from ucspi.exits import EXIT_TEMPORARY
from ucspi.handler import quickend, standardfiles
from ucspi.handler._native import stem as native
from ucspi.handler.client import Client
from ucspi.handler.serve import serve
from ucspi.unix import environ, stemchannel

TYPE_CHECKING = False
if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    Function = Callable[..., object]

LINE_MAX = 4096  # bytes of the line that the server is told
_ROOM = _socket.CMSG_SPACE(4)
_NUMBER = 4  # bytes of a descriptor's number


def channel_of(value: bytes) -> "tuple[_socket.socket, int] | None":
    """Return the channel that `stemchannel.VARIABLE` names, and the descriptor of the cells.

    None: they are not there.  The variable may have come from anywhere.
    """
    try:
        number, cells = stemchannel.placed(value)
        os.fstat(cells)
        if not S_ISSOCK(os.fstat(number).st_mode):
            return None
        channel = _socket.socket(fileno=number)
    except (OSError, OverflowError, ValueError):
        return None
    if channel.type != _socket.SOCK_SEQPACKET:
        channel.detach()
        return None
    os.set_inheritable(number, False)
    os.set_inheritable(cells, False)
    return channel, cells


class Stem:
    """A process that forks others; in each of these it is what is left of it there."""

    def __init__(self, channel: "_socket.socket", cells: int) -> None:
        """Take the channel over, and the descriptor of the cells."""
        self._channel, self._cells = channel, cells
        self._buffer = bytearray(stemchannel.PACKET_MAX)
        self._inherited: list[bytes] = []  # the environment of handlers, before links changed it
        self._pid_variable = b""
        self._changes: list[bytes] = []  # of links
        self._imported: dict[bytes, bytes | None] = {}  # what the import has changed; None: removed
        self._files: list[io.IOBase] = []
        self._leads_session = os.getsid(0) == os.getpid()  # by ``pgrphack``, which does so for each handler

    def serve(self, load: "Callable[[], Function]", arguments: "Sequence[str]") -> "NoReturn":
        """Import the function, serve connections by it until the server ends the channel, and exit."""
        function = self._prepare(load)
        connection = self._fork_for_each()
        if connection is None:
            os._exit(0)
        quickend.end(serve(function, connection, arguments), self._files)

    def _prepare(self, load: "Callable[[], Function]") -> "Function":
        if native is None:
            self._give_up(stemchannel.COLD, "the compiled module is missing")
        variables = _variables()
        before = variables.copy()
        standardfiles.remake()
        try:
            function = load()
        except NoFunctionError as error:
            self._give_up(stemchannel.FAILED, str(error))
        names = before.keys() | variables.keys()
        self._imported = {n: variables.get(n) for n in names if variables.get(n) != before.get(n)}
        if (threads := _threads()) != 1:
            what = (
                f"the module starts {threads - 1} threads"
                if threads
                else "threads cannot be counted without /proc"
            )
            self._give_up(stemchannel.COLD, what)
        try:
            native.prepare(self._cells)
        except OSError as error:
            self._give_up(stemchannel.COLD, f"this system has no way to fork for another: {error.strerror}")
        os.close(self._cells)
        _flush()
        gc.collect()
        self._files = quickend.writers()
        gc.freeze()
        self._tell(stemchannel.READY)
        return function

    def _give_up(self, kind: bytes, why: str) -> "NoReturn":
        self._tell(kind + why.encode("utf-8", "backslashreplace")[:LINE_MAX])
        _flush()
        os._exit(EXIT_TEMPORARY if kind == stemchannel.FAILED else 0)

    def _tell(self, packet: bytes) -> None:
        try:
            self._channel.send(packet, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
        except OSError:
            pass  # the server is gone, or does not listen; cells tell it too

    def _fork_for_each(self) -> Client | None:
        """Fork for each packet; return the client in a process that has one, None when the channel ends."""
        assert native is not None
        channel = self._channel
        while packet := self._peek():
            (kind, slot, first, second), descriptor = packet
            if kind == stemchannel.BASE:
                self._take_base(first, second)
                channel.recv(1)
                continue
            pid = native.fork(slot, descriptor, kind == stemchannel.SERVE, channel.fileno(), second)
            if pid == 0:
                channel.detach()
                return self._begin(first)
            if descriptor >= 0:
                os.close(descriptor)
            channel.recv(1)
            if pid < 0:
                self._tell(stemchannel.pack_answer(slot, pid))
        return None

    def _peek(self) -> "tuple[stemchannel.Packet, int] | None":
        """Wait for a packet; return its parts and its descriptor, -1 for none; None at the end."""
        size, control, _, _ = self._channel.recvmsg_into(
            [self._buffer], _ROOM, _socket.MSG_PEEK | _socket.MSG_CMSG_CLOEXEC
        )
        descriptor = int.from_bytes(control[0][2][:_NUMBER], sys.byteorder) if control else -1
        if not size:
            return None
        return stemchannel.unpack(bytes(memoryview(self._buffer)[:size])), descriptor

    def _take_base(self, inherited: bytes, changes: bytes) -> None:
        self._inherited = stemchannel.entries(inherited)
        self._pid_variable, *self._changes = stemchannel.entries(changes)

    def _begin(self, variables: bytes) -> Client:
        """Give the new process its environment."""
        assert native is not None
        if self._leads_session:
            os.setsid()
        new = stemchannel.entries(variables)
        if self._pid_variable in new:
            new[new.index(self._pid_variable)] += b"%d" % os.getpid()
        names = {_name(entry) for entry in new}
        kept = [entry for entry in self._inherited if _name(entry) not in names]
        native.set_environ(_variables(), environ.changed(kept + new, self._changes))
        for name, value in self._imported.items():
            if name + b"=" in names:
                continue  # the import could not know of it
            if value is None:
                os.environb.pop(name, None)
            else:
                os.environb[name] = value
        return Client(dict(os.environ))


def _variables() -> dict[bytes, bytes]:
    """Return what is behind ``os.environ``."""
    found: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]
    return found


def _name(entry: bytes) -> bytes:
    """Return a variable's name with its equals sign."""
    name, equals, _ = entry.partition(b"=")
    return name + equals


def _threads() -> int:
    """Return how many threads this process has, those that Python does not know among them; 0: not known."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 0


def _flush() -> None:
    for file in (sys.stdout, sys.stderr):
        try:
            file.flush()
        except Exception:
            pass  # closed, replaced by something else, or None
