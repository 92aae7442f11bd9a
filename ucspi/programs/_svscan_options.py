"""The options that svscan and svscanboot share."""

import os

from ucspi.exits import EXIT_USAGE
from ucspi.programs._program import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

IN_PROCESS: "Final" = b"--in-process"
STOP_ON_TERM: "Final" = b"--stop-on-term"
SYNTAX: "Final" = b"[ --in-process ] [ --stop-on-term[=SECONDS] ] [ dir ]"
# For services to end; with the time for loggers it is less than the ten seconds of most containers.
STOP_SECONDS: "Final" = 8
_DIGITS: "Final" = 9


class ScanOptions:
    """The options, which stand before the directory.

    Attributes:
        in_process: one process is all supervisors.
        seconds: how long services may take to end after SIGTERM; None: SIGTERM ends only us.
        operands: what follows the options.
    """

    __slots__ = ("in_process", "operands", "seconds")

    def __init__(self, arguments: list[bytes], usage: bytes) -> None:
        """Read them; the first process of a pid namespace always ends its services.

        Raises:
            Stop: a value is no number, or an option stands directly behind the directory.
        """
        self.in_process, self.seconds = False, STOP_SECONDS if os.getpid() == 1 else None
        self.operands = list(arguments)
        while self.operands and self._take(self.operands[0], usage):
            del self.operands[0]
        # Further operands are ignored, as in the original.
        if b"".join(self.operands[1:2]).partition(b"=")[0] in (IN_PROCESS, STOP_ON_TERM):
            raise Stop(usage, EXIT_USAGE)

    def _take(self, word: bytes, usage: bytes) -> bool:
        name, equals, value = word.partition(b"=")
        if word == IN_PROCESS:
            self.in_process = True
        elif name == STOP_ON_TERM:
            self.seconds = _number(value, usage) if equals else STOP_SECONDS
        else:
            return False
        return True


def _number(text: bytes, usage: bytes) -> int:
    from ucspi.decimal import whole_number  # here, as few programs are given a number

    number = whole_number(text, 10**_DIGITS) if len(text) <= _DIGITS else None
    if number is None:
        raise Stop(usage, EXIT_USAGE)
    return number
