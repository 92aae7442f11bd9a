"""One process for each supervisor, as svscan always did it: whatever ``supervise`` PATH has."""

import os

from ucspi.service import asking
from ucspi.service.pipe import Pipe
from ucspi.service.registry import LOG
from ucspi.service.scanner import label, warn
from ucspi.unix import environ, search
from ucspi.unix.start import Circumstances, start

PROGRAM = b"supervise"


class Processes:
    """Starts supervisors as children of this process; a token is a pid."""

    __slots__ = ("_environ", "_open_files", "_paths")

    def __init__(self, open_files: int = 0) -> None:
        """Look PATH up once.

        Args:
            open_files: the soft limit of open files that supervisors shall
                have; 0 leaves it as it is.
        """
        self._environ = environ.inherited()
        self._paths = search.files(PROGRAM, environ.value_of(self._environ, b"PATH"))
        self._open_files = open_files

    def start(self, name: bytes, role: int, pipe: Pipe | None) -> int | None:
        """See `scanner.Starter.start`; a program that cannot be executed is seen to end at once."""
        complaint = b"svscan: warning: unable to start supervise %s: " % label(name, role)
        if role != LOG:
            return self._start(name, complaint, -1, -1, pipe.writer if pipe else -1)
        try:
            directory = asking.enter(name)
        except OSError as error:
            warn(b"unable to switch to " + name, error)
            return None
        try:
            return self._start(b"log", complaint, directory, pipe.reader if pipe else -1, -1)
        finally:
            os.close(directory)

    def _start(self, argument: bytes, complaint: bytes, directory: int, reader: int, writer: int) -> int:
        there = Circumstances(
            directory=directory,
            input=reader,
            output=writer,
            complaint=complaint,
            open_files=self._open_files,
        )
        return start(self._paths, [PROGRAM, argument], self._environ, there)
