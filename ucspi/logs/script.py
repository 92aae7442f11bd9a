"""The script of multilog: what to do with each line, from left to right.

Each argument is an action, which its first character names.  One that begins
with another character is no action and does nothing, as in the original; a
script notes what nobody can mean, for a line each.

Source: observed from the original multilog.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Final

# What an action does.  The compiled module has the same numbers (``enum usys_act``).
DESELECT, SELECT, TO_ECHO, TO_LAST, TO_LOG = range(5)

SIZE_LEAST: "Final" = 4096
SIZE_MOST: "Final" = 16777215
SIZE_USUAL: "Final" = 99999
COUNT_LEAST: "Final" = 2
COUNT_USUAL: "Final" = 10

SHOWN_MOST: "Final" = 100  # bytes of an argument in a message

_SELECTING = {b"-": DESELECT, b"+": SELECT}
_DESCRIBING = {b"s", b"n", b"!"}  # the directories that follow
_NAMING = {b".", b"/"}
_TAKING = {*_NAMING, b"e", b"="}
_ACTIONS = {*_SELECTING, *_DESCRIBING, *_TAKING, b"t"}
_BEYOND = 1 << 64  # a number of the original's loses what is above


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
    directories, ``lasts`` the files that hold a last line, ``slips`` what
    nobody can mean, each as a text.
    """

    __slots__ = ("actions", "is_labelled", "lasts", "logs", "slips")

    def __init__(self, arguments: list[bytes]) -> None:
        """Read a script; there is none that is wrong."""
        self.actions: list[Action] = []
        self.logs: list[Destination] = []
        self.lasts: list[bytes] = []
        self.is_labelled = bool(arguments) and arguments[0].startswith(b"t")
        self.slips: list[bytes] = []
        described = Destination(b"")
        for at, argument in enumerate(arguments):
            self._take(argument[:1], argument, described)
            self._note(argument, at, described)
        if self.logs or any(action.act > SELECT for action in self.actions):
            for argument in [*_idle(arguments, _DESCRIBING, _NAMING), *_idle(arguments, _SELECTING, _TAKING)]:
                self._slip(argument, b"nothing stands behind it that it is for, so it does nothing")
        else:
            self.slips.append(b"nothing takes the lines, which are lost; a directory begins with . or /")

    def _note(self, argument: bytes, at: int, described: Destination) -> None:
        """Note what nobody can mean about one argument, which has been taken."""
        first, rest = argument[:1], argument[1:]
        if first == b"s":
            if rest.lstrip(b"0") != b"%d" % described.size:
                wanted = b"a size from %d to %d" % (SIZE_LEAST, SIZE_MOST)
                self._slip(argument, b"%s stands behind the s; %d is taken" % (wanted, described.size))
        elif first == b"n":
            if rest.lstrip(b"0") != b"%d" % described.count:
                wanted = b"a number from %d" % COUNT_LEAST
                self._slip(argument, b"%s stands behind the n; %d is taken" % (wanted, described.count))
        elif first == b"!" and not rest:
            self._slip(argument, b"it has no command, so the finished files become empty")
        elif first == b"t" and at:
            self._slip(argument, b"t counts only as the first action")
        elif first in (b"t", b"e") and rest:
            self._slip(argument, b"%s stands alone; what follows is not looked at" % first)
        elif first not in _ACTIONS:
            self._slip(argument, b"no action, so it does nothing; a directory begins with . or /")

    def _slip(self, argument: bytes, reason: bytes) -> None:
        shown = argument[:SHOWN_MOST].replace(b"\n", b"?") or b"(empty)"
        self.slips.append(shown + b": " + reason)

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


def _idle(arguments: list[bytes], kind: "Container[bytes]", users: "Container[bytes]") -> list[bytes]:
    """Return the arguments of a kind behind the last of those that they are for."""
    last = max((at for at, argument in enumerate(arguments) if argument[:1] in users), default=-1)
    return [argument for argument in arguments[last + 1 :] if argument[:1] in kind]


def _number(text: bytes) -> int:
    """Return the number that the leading digits are, 0 without any."""
    from ucspi.decimal import leading_digits, remainder  # here, as many scripts have no number

    return remainder(leading_digits(text), _BEYOND)
