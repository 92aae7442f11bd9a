"""svscan: keep every service of a directory supervised."""

import _signal
import os
from time import sleep

from ucspi.programs._program import fatal, run
from ucspi.programs._svscan_options import SYNTAX, ScanOptions
from ucspi.service.scanner import INTERVAL, Scanner
from ucspi.unix import fds, oom
from ucspi.unix.rlimits import raise_open_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

PROGRAM = b"svscan"
USAGE = b"svscan: usage: svscan " + SYNTAX


def main(argv: list[bytes] | None = None) -> int:
    """Scan until a signal ends the process; return the exit code if it cannot start."""
    return run(_svscan, argv, USAGE)


def _svscan(argv: list[bytes]) -> "NoReturn":
    fds.occupy_standard()
    oom.shield()
    # If it is ignored the system reaps children itself, and we do not learn that they ended.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    options = ScanOptions(argv[1:], USAGE)
    if options.operands:
        _enter(options.operands[0])
    if options.in_process:
        _host(options.seconds)
    elif options.seconds is not None:
        _spawn(options.seconds)
    _keep_supervised()


def _enter(directory: bytes) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to chdir to " + directory, error) from None


def _host(seconds: int | None) -> "NoReturn":
    from ucspi.service.startinprocess import InProcessStarter
    from ucspi.service.superviseall import supervise_all

    open_files = raise_open_files()
    supervise_all(lambda loop, ended: InProcessStarter(loop, ended, open_files), seconds)


def _spawn(seconds: int) -> "NoReturn":
    from ucspi.service.startchildren import ChildStarter
    from ucspi.service.superviseall import supervise_all

    open_files = raise_open_files()
    supervise_all(lambda loop, ended: ChildStarter(loop, ended, open_files), seconds)


def _keep_supervised() -> "NoReturn":
    from ucspi.service.startclassic import ClassicStarter
    from ucspi.unix.start import ended

    scanner = Scanner(ClassicStarter(raise_open_files()))
    while True:
        for pid in ended():
            scanner.registry.ended(pid)
        scanner.scan()
        sleep(INTERVAL)
