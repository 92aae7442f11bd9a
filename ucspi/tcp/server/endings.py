"""What the server can do to a handler and its connection, once both have become others'.

The server keeps no copy of a connection: a handler that closes its own ends it.  So the
kernel is asked about it (`sockdiag`), and to shut it we take a copy from the handler,
just before that is killed.  Both the kernel's way to take it and the close of a copy may
hang, if the handler has brought that about; so it is done in a thread, with a table of
descriptors of its own.
"""

import os
from _signal import SIGKILL, SIGTERM

from ucspi.unix import native
from ucspi.unix.sockdiag import COOKIE_AT, SockDiag, identifier
from ucspi.unix.threadtask import NoThreadError, ThreadTask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.server.handlers import Handlers

THREADS = 8  # most that shut connections at once; each needs 50 microseconds, or hangs


class Endings:
    """Acts on the handlers of a server."""

    __slots__ = ("_diag", "_handlers", "_identify", "_tasks")

    def __init__(self, handlers: "Handlers", *, asks: bool) -> None:
        """Do nothing yet.

        Args:
            handlers: the handlers.
            asks: whether the kernel will be asked about connections.

        Raises:
            OSError: it cannot be asked.
        """
        self._handlers, self._identify = handlers, identifier()
        self._diag = SockDiag() if asks else None
        self._tasks: list[tuple[ThreadTask, int]] = []  # and the descriptor of the process

    def identify(self, descriptor: int) -> bytes:
        """Return what a connection is known by later; empty: it is gone, or the system cannot tell."""
        try:
            return self._identify(descriptor)
        except OSError:
            return b""

    def moved(self, identity: bytes) -> int | None:
        """Return how many bytes a connection has moved; None: nobody holds it.

        Raises:
            OSError: the kernel does not say.
        """
        assert self._diag is not None, "it was made to ask"
        seen = self._diag.look(identity) if identity else None
        return seen.moved if seen is not None and seen.is_held else None

    def terminate(self, connection: "Connection") -> bool:
        """Send SIGTERM to a handler; return False if it is not known yet."""
        return self._handlers.send(connection, SIGTERM)

    def kill(self, connection: "Connection", identity: bytes) -> bool:
        """Shut a connection and kill its handler; return False if too many threads do that now.

        It has begun when this returns.  Where a connection cannot be shut, the handler is killed.
        """
        self._tidy()
        if len(self._tasks) >= THREADS:
            return False
        if not identity or native.lib is None or not self._begin(connection, identity[COOKIE_AT:]):
            self._handlers.send(connection, SIGKILL)
        return True

    def _begin(self, connection: "Connection", cookie: bytes) -> bool:
        """Begin to shut and kill in a thread; return False if that is not possible."""
        process = self._handlers.open(connection)
        if process < 0:
            return False
        task = ThreadTask()
        task.kept = process  # besides 0, 1 and 2 the only descriptor that the thread has
        try:
            task.start(lambda: native.lib.usys_end_handler(process, cookie))
        except NoThreadError:
            os.close(process)
            return False
        self._tasks.append((task, process))
        return True

    def _tidy(self) -> None:
        """Close what threads that have ended do not need any more."""
        for entry in list(self._tasks):
            task, process = entry
            if task.wait(0):
                os.close(process)
                self._tasks.remove(entry)

    def kill_only(self, connection: "Connection") -> None:
        """Kill a handler."""
        self._tidy()
        self._handlers.send(connection, SIGKILL)

    def cut(self, identity: bytes) -> None:
        """Reset a connection that somebody still holds; only root can."""
        self._tidy()
        if os.geteuid() != 0:
            return
        diag = self._diag
        try:
            if diag is None:
                diag = SockDiag()
            seen = diag.look(identity)
            if seen is not None and seen.is_held:
                diag.destroy(identity)
        except OSError:
            pass  # it has gone meanwhile, or the kernel or somebody who confines us forbids it
        finally:
            if diag is not None and diag is not self._diag:
                diag.close()
