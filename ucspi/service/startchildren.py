"""Starting supervisors as child processes of an event loop, which sees their ends and can end them."""

import os

from ucspi.service.diskthreads import DiskThreads
from ucspi.service.processhandles import ChildHandle
from ucspi.service.scanner import warn
from ucspi.service.startclassic import ClassicStarter, open_start_directory
from ucspi.service.supervisorlist import SupervisorEntry, SupervisorList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.eventloop import EventLoop
    from ucspi.service.loggerpipe import LoggerPipe


class ChildStarter:
    """Starts each supervisor as a child process, in turns of a loop.

    A token is the one that `supervisorlist.SupervisorList.add` returned.
    """

    __slots__ = ("_classic", "_loop", "_threads", "supervisors")

    def __init__(
        self,
        loop: "EventLoop",
        ended: "Callable[[int], object]",
        open_files: int = 0,
        essential: "frozenset[bytes]" = frozenset(),
    ) -> None:
        """Start none yet.

        Args:
            loop: reaps the children.
            ended: called with the token of one that has ended, or could not begin.
            open_files: see `startclassic.ClassicStarter`.
            essential: see there.
        """
        self._loop, self._threads = loop, DiskThreads(loop)
        self._classic = ClassicStarter(open_files, essential)
        self.supervisors = SupervisorList(ended)

    def start(
        self, name: bytes, role: int, pipe: "LoggerPipe | None", *, is_late: bool = False
    ) -> int | None:
        """See `scanner.Starter.start` and `superviseall.ListingStarter`.

        The end of a supervisor that cannot begin is reported at once.
        """
        token = self.supervisors.add(name, role, pipe, is_late=is_late)
        if token is None:
            return None
        self._threads.call(
            lambda: open_start_directory(name, role), lambda opened: self._launch(token, opened)
        )
        return token

    def _launch(self, token: int, directory: int | None) -> None:
        entry = self.supervisors.entries[token]
        pid = self._try(entry, directory)
        if pid is None:
            self.supervisors.end(token)
            return
        child = ChildHandle(self._loop, pid, entry.path)
        self._loop.on_child_end(pid, lambda _: self._end(token, child))
        self.supervisors.runs(token, child)

    def _try(self, entry: SupervisorEntry, directory: int | None) -> int | None:
        if directory is None:
            return None
        if not self.supervisors.may_begin(entry):
            if directory >= 0:
                os.close(directory)
            return None
        try:
            return self._classic.launch(entry.name, entry.role, entry.pipe, directory)
        except OSError as error:
            warn(b"unable to fork for " + entry.path, error)
            return None

    def _end(self, token: int, child: ChildHandle) -> None:
        child.has_ended = True
        self.supervisors.end(token)
