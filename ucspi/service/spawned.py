"""Supervisors as child processes of a loop, which knows at once when one has ended, and how to end it."""

import os

from ucspi.service.crew import Crew, Post
from ucspi.service.diskthreads import DiskThreads
from ucspi.service.elsewhere import Child, place
from ucspi.service.processes import Processes, open_place
from ucspi.service.scanner import label, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.loop import Loop
    from ucspi.service.pipe import Pipe


class Spawned:
    """Starts supervisors in processes of their own, in turns of a loop; see `crew.Crew` for the tokens."""

    __slots__ = ("_loop", "_processes", "_threads", "crew")

    def __init__(self, loop: "Loop", ended: "Callable[[int], object]", open_files: int = 0) -> None:
        """Start none yet.

        Args:
            loop: reaps them.
            ended: called with the token of one that has ended, or could not begin.
            open_files: see `processes.Processes`.
        """
        self._loop, self._threads = loop, DiskThreads(loop)
        self._processes = Processes(open_files)
        self.crew = Crew(ended)

    def start(self, name: bytes, role: int, pipe: "Pipe | None") -> int | None:
        """See `scanner.Starter.start`; one that cannot begin ends at once."""
        if self.crew.is_closed:
            return None
        token = self.crew.add(name, role, pipe)
        self._threads.call(lambda: open_place(name, role), lambda opened: self._launch(token, opened))
        return token

    def _launch(self, token: int, directory: int | None) -> None:
        post = self.crew.posts[token]
        pid = self._try(post, directory)
        if pid is None:
            self.crew.end(token)
            return
        child = Child(self._loop, pid, place(post))
        self._loop.expect(pid, lambda: self._end(token, child))
        self.crew.runs(token, child)

    def _try(self, post: Post, directory: int | None) -> int | None:
        if directory is None:
            return None
        if self.crew.is_closed:
            if directory >= 0:
                os.close(directory)
            return None
        try:
            return self._processes.launch(post.name, post.role, post.pipe, directory)
        except OSError as error:
            warn(b"unable to fork for " + label(post.name, post.role), error)
            return None

    def _end(self, token: int, child: Child) -> None:
        child.has_ended = True
        self.crew.end(token)
