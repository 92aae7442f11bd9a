"""svscan: keep every service of a directory supervised."""

import _signal
import os
from time import sleep

from ucspi.programs._program import fatal, run
from ucspi.programs._svscan_options import STOP_SECONDS, SYNTAX, ScanOptions
from ucspi.service.scanner import INTERVAL, Scanner
from ucspi.unix import fds, oom
from ucspi.unix.rlimits import raise_open_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ucspi.service.startchildren import ChildStarter
    from ucspi.service.startinprocess import InProcessStarter

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
    options = ScanOptions(argv[1:], USAGE, PROGRAM)
    if options.operands:
        _enter(options.operands[0])
    if options.in_process:
        from ucspi.service.startinprocess import InProcessStarter

        _supervise_all(options, InProcessStarter)
    elif options.ends_by_itself:
        from ucspi.service.startchildren import ChildStarter

        _supervise_all(options, ChildStarter)
    _keep_supervised()


def _enter(directory: bytes) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to chdir to " + directory, error) from None


def _supervise_all(options: ScanOptions, starter: "type[ChildStarter | InProcessStarter]") -> "NoReturn":
    from ucspi.service.superviseall import Ending, supervise_all

    catches = options.seconds is not None
    seconds = STOP_SECONDS if options.seconds is None else options.seconds
    ending = Ending(seconds, catches=catches, essential=options.essential)
    open_files = raise_open_files()
    supervise_all(lambda loop, ended: starter(loop, ended, open_files, options.essential), ending)


def _keep_supervised() -> "NoReturn":
    from ucspi.service.startclassic import ClassicStarter
    from ucspi.unix.start import ended

    scanner = Scanner(ClassicStarter(raise_open_files()))
    while True:
        for pid in ended():
            scanner.registry.ended(pid)
        scanner.scan()
        sleep(INTERVAL)
