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

    from ucspi.service.superviseall import Ending

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
        _host(options)
    elif options.ends_by_itself:
        _spawn(options)
    _keep_supervised()


def _enter(directory: bytes) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to chdir to " + directory, error) from None


def _host(options: ScanOptions) -> "NoReturn":
    from ucspi.service.startinprocess import InProcessStarter
    from ucspi.service.superviseall import supervise_all

    open_files, essential = raise_open_files(), options.essential
    supervise_all(lambda loop, ended: InProcessStarter(loop, ended, open_files, essential), _ending(options))


def _spawn(options: ScanOptions) -> "NoReturn":
    from ucspi.service.startchildren import ChildStarter
    from ucspi.service.superviseall import supervise_all

    open_files, essential = raise_open_files(), options.essential
    supervise_all(lambda loop, ended: ChildStarter(loop, ended, open_files, essential), _ending(options))


def _ending(options: ScanOptions) -> "Ending":
    from ucspi.service.superviseall import Ending

    catches = options.seconds is not None
    seconds = STOP_SECONDS if options.seconds is None else options.seconds
    return Ending(seconds, catches=catches, essential=options.essential)


def _keep_supervised() -> "NoReturn":
    from ucspi.service.startclassic import ClassicStarter
    from ucspi.unix.start import ended

    scanner = Scanner(ClassicStarter(raise_open_files()))
    while True:
        for pid in ended():
            scanner.registry.ended(pid)
        scanner.scan()
        sleep(INTERVAL)
