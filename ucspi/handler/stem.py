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

from ucspi.errors import NoFunctionError
from ucspi.exits import EXIT_TEMPORARY
from ucspi.handler import quickend, standardfiles
from ucspi.handler._native import stem as native
from ucspi.handler.client import Client
from ucspi.handler.kept import Kept
from ucspi.handler.serve import serve
from ucspi.handler.stemenviron import ChangedError, StemEnviron
from ucspi.handler.stempackets import Receiver
from ucspi.unix import stemchannel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    Function = Callable[..., object]

REHEARSALS = 16  # Python counts to 8 before it looks at a function more closely
LINE_MAX = 4096  # bytes of the line that the server is told


class Stem:
    """A process that forks others; in each of these it is what is left of it there."""

    def __init__(self, channel: "_socket.socket", cells: int) -> None:
        """Take the channel over, and the descriptor of the cells."""
        self._packets = Receiver(channel, looks=True)
        self._cells = cells
        self._environ = StemEnviron()
        self._has_base = False
        self._files: tuple[object, ...] = ()
        self._leads_session = os.getsid(0) == os.getpid()  # by ``pgrphack``, which does so for each handler

    def serve(self, load: "Callable[[], Function]", arguments: "Sequence[str]", count: int) -> "NoReturn":
        """Import the function, serve connections by it until the server ends the channel, and exit.

        Args:
            load: returns the function.
            arguments: of the function.
            count: how many connections a process that is kept serves.
        """
        function = self._prepare(load)
        child = self._fork_for_each()
        if child is None:
            os._exit(0)
        kind, variables, _, descriptor = child
        if self._leads_session:
            os.setsid()
        if kind == stemchannel.SERVE:
            self._environ.take_links(variables)
            self._environ.give(variables)
            client = Client(self._environ)
            quickend.end(serve(function, client, arguments), self._files)
        kept = Kept(_socket.socket(fileno=descriptor), self._environ)
        kept.serve(function, arguments, count)
        quickend.end(0, self._files)

    def _prepare(self, load: "Callable[[], Function]") -> "Function":
        if native is None:
            self._give_up(stemchannel.COLD, "the compiled module is missing")
        standardfiles.remake()
        try:
            self._take_base()
            function = self._import(load)
        except NoFunctionError as error:
            self._give_up(stemchannel.FAILED, str(error))
        except ValueError as error:
            self._give_up(stemchannel.COLD, str(error))
        except ChangedError:
            os._exit(EXIT_TEMPORARY)  # the next one may have more luck
        self._environ.note_import()
        if (threads := _threads()) != 1:
            others = "a thread" if threads == 2 else f"{threads - 1} threads"
            what = f"the module starts {others}" if threads else "threads cannot be counted"
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

    def _take_base(self) -> None:
        """Look at the packet that comes first, if it is there already, as a server's is.

        Raises:
            ValueError: it asks for what cannot be done here.
        """
        try:
            received = self._packets.receive(waits=False)
        except BlockingIOError:
            return
        if received is not None and received[0][0] == stemchannel.BASE:
            self._environ.take_base(*received[0][2:])
            self._has_base = True

    def _import(self, load: "Callable[[], Function]") -> "Function":
        """Return the function.

        Raises:
            NoFunctionError: there is none.
            ValueError: the module changes what links would find otherwise.
        """
        if self._environ.links is None:
            return load()
        from ucspi.handler.stemlinks import state

        before = state()
        function = load()
        if state() != before:
            raise ValueError("the module changes what links in front of it would find otherwise")
        return function

    def _rehearse(self) -> None:
        """Serve nobody a few times: Python notes in the code what it learns, else in each process anew.

        Memory is shared up to the first write, and then a page is copied.
        """
        self._environ.prepare()
        for _ in range(REHEARSALS):
            self._environ.give(b"PROTO=\0")
            serve(_visit, Client(self._environ), ())
            quickend.flush(self._files)
        self._environ.prepare()
        gc.freeze()

    def _give_up(self, kind: bytes, why: str) -> "NoReturn":
        self._tell(kind + why.encode("utf-8", "backslashreplace")[:LINE_MAX])
        _flush()
        os._exit(EXIT_TEMPORARY if kind == stemchannel.FAILED else 0)

    def _tell(self, packet: bytes) -> None:
        try:
            self._packets.channel.send(packet, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
        except OSError:
            pass  # the server is gone, or does not listen; cells tell it too

    def _fork_for_each(self) -> "tuple[int, bytes, bytes, int] | None":
        """Fork for each packet; return in the new process what came for it, None when the channel ends."""
        assert native is not None
        channel = self._packets.channel
        while (came := native.fork_for_each(channel.fileno())) is not None:
            kind, first, second, _ = came
            if kind != stemchannel.BASE:
                channel.detach()  # it is closed, and its number may be another's
                break
            if not self._has_base:
                self._environ.take_base(first, second)
            self._rehearse()
        return came


def _visit(client: Client) -> None:
    client.reader.read(1)
    client.writer.write(b"x")


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
