"""svscan: keep every service of a directory supervised."""

import _signal
import os
from time import sleep

from ucspi.programs._program import fatal, run
from ucspi.service.scanner import INTERVAL, Scanner
from ucspi.unix import fds
from ucspi.unix.limits import raise_open_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

NAME = b"svscan"
USAGE = b"svscan: usage: svscan [ --in-process ] [ dir ]"


def main(argv: list[bytes] | None = None) -> int:
    """Scan until a signal ends the process; return the exit code if it cannot begin."""
    return run(_svscan, argv, USAGE)


def _svscan(argv: list[bytes]) -> "NoReturn":
    fds.occupy_standard()
    # Where it is ignored the system reaps children itself and tells nobody.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    operands = argv[1:]
    in_process = operands[:1] == [b"--in-process"]
    if in_process:
        del operands[0]
    if operands:
        _enter(operands[0])
    if in_process:
        _host()
    _keep_supervised()


def _enter(directory: bytes) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise fatal(NAME, b"unable to chdir to " + directory, error) from None


def _host() -> "NoReturn":
    from ucspi.service.hosted import keep_hosted

    keep_hosted(raise_open_files())


def _keep_supervised() -> "NoReturn":
    from ucspi.service.processes import Processes
    from ucspi.unix.start import ended

    scanner = Scanner(Processes(raise_open_files()))
    while True:
        for pid in ended():
            scanner.registry.ended(pid)
        scanner.scan()
        sleep(INTERVAL)
