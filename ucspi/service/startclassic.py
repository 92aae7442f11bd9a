"""One process for each supervisor, as svscan always did it: whatever ``supervise`` PATH has."""

import os

from ucspi.service import controlfiles
from ucspi.service.loggerpipe import LoggerPipe
from ucspi.service.registry import LOG, path_of
from ucspi.service.scanner import warn
from ucspi.unix import environ, search
from ucspi.unix.start import ChildSetup, start

PROGRAM = b"supervise"


class ClassicStarter:
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

    def start(self, name: bytes, role: int, pipe: LoggerPipe | None) -> int | None:
        """See `scanner.Starter.start`; a program that cannot be executed is seen to end at once."""
        directory = open_place(name, role)
        return None if directory is None else self.launch(name, role, pipe, directory)

    def launch(self, name: bytes, role: int, pipe: LoggerPipe | None, directory: int) -> int:
        """Start a supervisor in what `open_place` returned, which is closed; return its pid.

        Raises:
            OSError: there is no new process.
        """
        is_log = role == LOG
        setup = ChildSetup(
            directory=directory,
            input=pipe.reader if pipe and is_log else -1,
            output=pipe.writer if pipe and not is_log else -1,
            complaint=b"svscan: warning: unable to start supervise %s: " % path_of(name, role),
            open_files=self._open_files,
        )
        try:
            return start(self._paths, [PROGRAM, b"log" if is_log else name], self._environ, setup)
        finally:
            if directory >= 0:
                os.close(directory)


def open_place(name: bytes, role: int) -> int | None:
    """Return a descriptor of what becomes a supervisor's current directory, -1 for ours.

    None when there is none, which was said.
    """
    if role != LOG:
        return -1
    try:
        return controlfiles.enter(name)
    except OSError as error:
        warn(b"unable to switch to " + name, error)
        return None
