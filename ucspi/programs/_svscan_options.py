"""The options that svscan and svscanboot have in common."""

import os

from ucspi.exits import EXIT_USAGE
from ucspi.programs._program import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

IN_PROCESS: "Final" = b"--in-process"
STOP_ON_TERM: "Final" = b"--stop-on-term"
SYNTAX: "Final" = b"[ --in-process ] [ --stop-on-term[=SECONDS] ] [ dir ]"
STOP_SECONDS: "Final" = 8  # for services to end; with those for loggers, less than the ten of most containers
_DIGITS: "Final" = 9


class ScanOptions:
    """What stands before the directory.

    Attributes:
        in_process: be all supervisors.
        seconds: which services have to end when we are told to; None when that ends us alone.
        operands: what follows.
    """

    __slots__ = ("in_process", "operands", "seconds")

    def __init__(self, arguments: list[bytes], usage: bytes) -> None:
        """Read them; as the first process of its namespace a scanner always ends its services.

        Raises:
            Stop: a number is none, or one of them stands behind the directory.
        """
        self.in_process, self.seconds = False, STOP_SECONDS if os.getpid() == 1 else None
        self.operands = list(arguments)
        while self.operands and self._take(self.operands[0], usage):
            del self.operands[0]
        # All that is further behind is ignored, as it was.
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
