"""The script of multilog: what to do with each line, from left to right.

Each argument is an action, which its first character names.  One that begins
with another character is no action and does nothing, as in the original.

Source: observed from the original multilog.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# What an action does.  The compiled module has the same numbers (``enum usys_act``).
DESELECT, SELECT, TO_ECHO, TO_LAST, TO_LOG = range(5)

SIZE_LEAST: "Final" = 4096
SIZE_MOST: "Final" = 16777215
SIZE_USUAL: "Final" = 99999
COUNT_LEAST: "Final" = 2
COUNT_USUAL: "Final" = 10

_SELECTING = {b"-": DESELECT, b"+": SELECT}
_BEYOND = 1 << 64  # a number of the original's loses what is above
_DIGITS = 1000  # read at once; int() does not take any number of them


class Action:
    """One step of a script: ``pattern`` for a selection, ``index`` of the log or last line it feeds."""

    __slots__ = ("act", "index", "pattern")

    def __init__(self, act: int, pattern: bytes = b"", index: int = 0) -> None:
        """Note what to do."""
        self.act, self.pattern, self.index = act, pattern, index


class Destination:
    """A log directory as the script describes it.

    ``size`` is the most bytes of a file, ``count`` one more than the finished
    files that are kept, ``processor`` the shell command that replaces a
    finished file, or None.
    """

    __slots__ = ("count", "path", "processor", "size")

    def __init__(
        self,
        path: bytes,
        size: int = SIZE_USUAL,
        count: int = COUNT_USUAL,
        processor: bytes | None = None,
    ) -> None:
        """Note the description."""
        self.path, self.size, self.count, self.processor = path, size, count, processor


class Script:
    """A whole script: ``actions`` in order, and what they feed, each numbered in order.

    ``is_labelled`` says whether a line gets the time before it, ``logs`` are
    directories, ``lasts`` the files that hold a last line.
    """

    __slots__ = ("actions", "is_labelled", "lasts", "logs")

    def __init__(self, arguments: list[bytes]) -> None:
        """Read a script; there is none that is wrong."""
        self.actions: list[Action] = []
        self.logs: list[Destination] = []
        self.lasts: list[bytes] = []
        self.is_labelled = bool(arguments) and arguments[0].startswith(b"t")
        described = Destination(b"")
        for argument in arguments:
            self._take(argument[:1], argument, described)

    def _take(self, first: bytes, argument: bytes, described: Destination) -> None:
        if first in _SELECTING:
            self.actions.append(Action(_SELECTING[first], argument[1:]))
        elif first == b"e":
            self.actions.append(Action(TO_ECHO))
        elif first == b"=":
            self.actions.append(Action(TO_LAST, index=len(self.lasts)))
            self.lasts.append(argument[1:])
        elif first == b"s":
            described.size = min(max(_number(argument[1:]), SIZE_LEAST), SIZE_MOST)
        elif first == b"n":
            described.count = max(_number(argument[1:]), COUNT_LEAST)
        elif first == b"!":
            described.processor = argument[1:]
        elif first in (b".", b"/"):
            self.actions.append(Action(TO_LOG, index=len(self.logs)))
            self.logs.append(Destination(argument, described.size, described.count, described.processor))


def _number(text: bytes) -> int:
    """Return the number that the leading digits are, 0 without any."""
    digits = text[: len(text) - len(text.lstrip(b"0123456789"))]
    number = 0
    for at in range(0, len(digits), _DIGITS):
        piece = digits[at : at + _DIGITS]
        number = (number * 10 ** len(piece) + int(piece)) % _BEYOND
    return number
