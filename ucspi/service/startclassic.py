"""Starting supervisors as svscan 0.76 does: each is a child process, the ``supervise`` that PATH has."""

import os

from ucspi.service import controlfiles
from ucspi.service.loggerpipe import LoggerPipe
from ucspi.service.registry import LOG, path_of
from ucspi.service.scanner import warn
from ucspi.unix import environ, native, search
from ucspi.unix.start import ChildSetup, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.service.startwarm import WarmStarter

PROGRAM = b"supervise"


class ClassicStarter:
    """Starts supervisors as children of this process; a token is a pid."""

    __slots__ = ("_asking", "_environ", "_essential", "_open_files", "_paths", "_warm")

    def __init__(self, open_files: int = 0, essential: "frozenset[bytes]" = frozenset()) -> None:
        """Search PATH once.

        Args:
            open_files: the soft limit of open files for supervisors; 0 leaves it as it is.
            essential: names of services whose supervisors have to tell how they end.
        """
        self._environ = environ.inherited()
        self._essential, self._asking = essential, self._environ
        if essential:
            from ucspi.service.statusrecord import ASKS_FOR_LONG

            self._asking = [*self._environ, ASKS_FOR_LONG]
        self._paths = search.files(PROGRAM, environ.value_of(self._environ, b"PATH"))
        self._open_files = open_files
        self._warm = self._make_warm()

    def _make_warm(self) -> "WarmStarter | None":
        if native.lib is None or environ.value_of(self._environ, b"UCSPI_WARM") == b"0":
            return None
        try:
            from ucspi.service.startwarm import WarmStarter
        except ImportError:  # our files cannot be read any more
            return None
        return WarmStarter(self._paths, self._environ, self._open_files)

    def start(self, name: bytes, role: int, pipe: LoggerPipe | None) -> int | None:
        """See `scanner.Starter.start`; if the program cannot be executed the child ends at once."""
        directory = open_start_directory(name, role)
        return None if directory is None else self.launch(name, role, pipe, directory)

    def launch(self, name: bytes, role: int, pipe: LoggerPipe | None, directory: int) -> int:
        """Start a supervisor in a directory from `open_start_directory`, which is closed; return its pid.

        Raises:
            OSError: no process can be made.
        """
        is_log = role == LOG
        reader = pipe.reader if pipe and is_log else -1
        writer = pipe.writer if pipe and not is_log else -1
        argument, path = b"log" if is_log else name, path_of(name, role)
        try:
            is_essential = not is_log and name in self._essential
            pid = None
            if self._warm is not None and not is_essential:
                pid = self._warm.start(argument, path, directory, reader, writer)
            if pid is not None:
                return pid
            setup = ChildSetup(
                directory=directory,
                input=reader,
                output=writer,
                complaint=b"svscan: warning: unable to start supervise %s: " % path,
                open_files=self._open_files,
            )
            variables = self._asking if is_essential else self._environ
            return start(self._paths, [PROGRAM, argument], variables, setup)
        finally:
            if directory >= 0:
                os.close(directory)


def open_start_directory(name: bytes, role: int) -> int | None:
    """Return a descriptor of the directory that a supervisor starts in, -1 for our current one.

    None if it cannot be opened; a warning is printed then.
    """
    if role != LOG:
        return -1
    try:
        return controlfiles.enter(name)
    except OSError as error:
        warn(b"unable to switch to " + name, error)
        return None
