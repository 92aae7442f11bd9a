"""The options that svscan and svscanboot share."""

import os

from ucspi.exits import EXIT_USAGE
from ucspi.programs._program import Stop, fatal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

IN_PROCESS: "Final" = b"--in-process"
STOP_ON_TERM: "Final" = b"--stop-on-term"
ESSENTIAL: "Final" = b"--essential"
SYNTAX: "Final" = b"[ --in-process ] [ --stop-on-term[=SECONDS] ] [ --essential NAME ] ... [ dir ]"
# For services to end; with the time for loggers it is less than the ten seconds of most containers.
STOP_SECONDS: "Final" = 8
_DIGITS: "Final" = 9
_NAME_MAX: "Final" = 255  # bytes; a longer name cannot be in a directory


class ScanOptions:
    """The options, which stand before the directory.

    Attributes:
        in_process: one process is all supervisors.
        seconds: how long services may take to end after SIGTERM; None: SIGTERM ends only us.
        essential: names of services with whose end everything ends.
        operands: what follows the options.
    """

    __slots__ = ("_program", "_usage", "essential", "in_process", "operands", "seconds")

    def __init__(self, arguments: list[bytes], usage: bytes, program: bytes) -> None:
        """Read them; the first process of a pid namespace always ends its services.

        Raises:
            Stop: a value is no number or no name, or an option stands directly behind the directory.
        """
        self._usage, self._program = usage, program
        self.in_process, self.seconds = False, STOP_SECONDS if os.getpid() == 1 else None
        self.essential = frozenset[bytes]()
        self.operands = list(arguments)
        while self.operands and self._take(self.operands[0]):
            del self.operands[0]
        # Further operands are ignored, as in the original.
        following = b"".join(self.operands[1:2]).partition(b"=")[0]
        if following in (IN_PROCESS, STOP_ON_TERM, ESSENTIAL):
            raise Stop(usage, EXIT_USAGE)

    @property
    def ends_by_itself(self) -> bool:
        """Whether there is something with which all services end."""
        return self.seconds is not None or bool(self.essential)

    def words(self) -> list[bytes]:
        """Return them as arguments for svscan."""
        words = [IN_PROCESS] if self.in_process else []
        words += [b"%s=%s" % (ESSENTIAL, name) for name in sorted(self.essential)]
        return words if self.seconds is None else [*words, b"%s=%d" % (STOP_ON_TERM, self.seconds)]

    def _take(self, word: bytes) -> bool:
        name, equals, value = word.partition(b"=")
        if word == IN_PROCESS:
            self.in_process = True
        elif name == STOP_ON_TERM:
            self.seconds = _number(value, self._usage) if equals else STOP_SECONDS
        elif name == ESSENTIAL:
            self.essential |= {self._name(value if equals else self._next())}
        else:
            return False
        return True

    def _next(self) -> bytes:
        """Return the word that follows, which becomes part of this one."""
        if len(self.operands) < 2:
            raise Stop(self._usage, EXIT_USAGE)
        return self.operands.pop(1)

    def _name(self, value: bytes) -> bytes:
        if not value or b"/" in value or value.startswith(b".") or len(value) > _NAME_MAX:
            what = b"%s wants the name of a service in the directory, without a slash or a dot in front: %s"
            raise fatal(self._program, what % (ESSENTIAL, value), code=EXIT_USAGE)
        return value


def _number(text: bytes, usage: bytes) -> int:
    from ucspi.decimal import whole_number  # here, as few programs are given a number

    number = whole_number(text, 10**_DIGITS) if len(text) <= _DIGITS else None
    if number is None:
        raise Stop(usage, EXIT_USAGE)
    return number
