"""A stem as svscan sees it: the process that forks supervisors, which are our own children.

See `ucspi.service.stemservice` for what it does.  It can be killed, stopped or hang
at any moment.  The kernel writes the pid of each new supervisor into memory that
we share with the stem, before the supervisor runs.  So no supervisor is ever unknown.
"""

import _socket
import os
from _signal import SIGKILL, pidfd_send_signal
from _struct import pack, unpack

from ucspi.unix.fds import is_readable
from ucspi.unix.start import ChildSetup, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PATIENCE: "Final" = 1.0  # seconds for an answer; it takes a thousandth of that
NAME_MAX: "Final" = 255  # bytes
READY: "Final" = b"+"
_PARENT, _INPUT, _OUTPUT = 1, 2, 4  # flags of a packet, as in cdbext/system/warmsupervisor.h
_CELL: "Final" = 4  # bytes


class LostError(Exception):
    """The stem has ended, or does not answer."""


class Stem:
    """A stem that is starting, is ready, or has ended.

    Attributes:
        pid: of the process, our child; whoever reaps our children reaps it.
        is_ready: it takes orders.
    """

    __slots__ = ("_cell", "_channel", "_process", "is_ready", "pid")

    def __init__(self, paths: list[bytes], environ: list[bytes], open_files: int) -> None:
        """Start one.

        Args:
            paths: the files to try for ``supervise``.
            environ: its environment, and that of all supervisors and services.
            open_files: see `ucspi.service.startclassic.ClassicStarter`.

        Raises:
            OSError: we lack the means.
        """
        self.is_ready = False
        self._cell = self._process = -1
        self._channel, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        try:
            self._channel.setblocking(False)
            self._cell = os.memfd_create("supervise")
            os.ftruncate(self._cell, _CELL)
            self.pid = self._start(paths, environ, open_files, theirs.fileno())
            self._process = os.pidfd_open(self.pid)
        except (OSError, AttributeError) as error:
            self.close()
            raise OSError(*error.args[:2]) from None
        finally:
            theirs.close()

    def _start(self, paths: list[bytes], environ: list[bytes], open_files: int, channel: int) -> int:
        places: list[int] = []  # numbers that nothing which we have inherited has
        try:
            for number in (channel, self._cell):
                places.append(os.dup(number))
            argv = [b"supervise", b"--warm", *(b"%d" % place for place in places)]
            others = ((channel, places[0]), (self._cell, places[1]))
            setup = ChildSetup(
                others=others,
                complaint=b"svscan: warning: unable to start supervise: ",
                open_files=open_files,
            )
            return start(paths, argv, environ, setup)
        finally:
            for place in places:
                os.close(place)

    def await_ready(self, seconds: float) -> None:
        """Wait until it is ready, but not longer than some seconds.

        Raises:
            LostError: it has ended.
        """
        if not self.is_ready and is_readable(self._channel.fileno(), seconds):
            if self._receive() != READY:
                raise LostError
            self.is_ready = True

    def supervise(self, name: bytes, path: bytes, parent: int, given: int, taken: int) -> int:
        """Have it fork a supervisor; return the pid.

        Args:
            name: of the service's directory, `NAME_MAX` bytes at most.
            path: of that directory in messages.
            parent: a descriptor of the directory that the name is in; -1: our current one.
            given: what the supervisor has as descriptor 0; -1: what we have.
            taken: what it has as descriptor 1; -1: what we have.

        Raises:
            LostError: the stem is lost; no supervisor was made.
            OSError: no process can be made.
        """
        choices = ((_PARENT, parent), (_INPUT, given), (_OUTPUT, taken))
        numbers = [number for _, number in choices if number >= 0]
        packet = bytes((sum(flag for flag, number in choices if number >= 0),)) + name + b"\0" + path
        os.pwrite(self._cell, bytes(_CELL), 0)
        rights = (
            [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, pack(f"{len(numbers)}i", *numbers))] if numbers else []
        )
        try:
            self._channel.sendmsg([packet], rights, _socket.MSG_NOSIGNAL)
            answer = self._receive() if is_readable(self._channel.fileno(), PATIENCE) else b""
        except OSError:
            answer = b""
        if len(answer) != _CELL:
            return self._find_out()
        (pid,) = unpack("i", answer)
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        return int(pid)

    def _find_out(self) -> int:
        """End it, and return the pid of the supervisor that it has made all the same."""
        self.kill()
        # A process that is killed makes no other any more.
        if (
            is_readable(self._process, PATIENCE)
            and (pid := unpack("i", os.pread(self._cell, _CELL, 0))[0]) > 0
        ):
            return int(pid)
        raise LostError

    def _receive(self) -> bytes:
        """Return the packet that waits; nothing if it has ended."""
        try:
            return self._channel.recv(64)
        except OSError:
            return b""

    def has_ended(self) -> bool:
        """Return whether it has ended."""
        return is_readable(self._process)

    def kill(self) -> None:
        """Kill it; its supervisors go on."""
        try:
            pidfd_send_signal(self._process, SIGKILL)
        except OSError:
            pass  # it has ended

    def close(self) -> None:
        """Let it end, when it has answered what it was asked; its supervisors go on."""
        self._channel.close()
        for number in (self._cell, self._process):
            if number >= 0:
                os.close(number)
