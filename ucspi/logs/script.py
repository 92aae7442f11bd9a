"""The script of multilog: what to do with each line, from left to right.

Each argument is an action, named by its first character.  An argument that
begins with another character does nothing, as in the original.  A script
collects obvious mistakes, each for one line of warning.

``T``, ``S`` and ``R`` are s6-log's, and nothing to the original.

Source: observed from the original multilog; skarnet.org/software/s6/s6-log.html.
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
NUMBER_MOST: "Final" = 2**63 - 1  # bytes, seconds

SHOWN_MOST: "Final" = 100  # bytes of an argument in a message

_SELECTING = {b"-": DESELECT, b"+": SELECT}
_DESCRIBING = {b"s", b"n", b"!", b"S", b"R"}  # the directories that follow
_UNITS = {b"S": b"bytes", b"R": b"seconds"}  # of s6-log's numbers
_NAMING = {b".", b"/"}
_TAKING = {*_NAMING, b"e", b"="}
_SEEING = {*_SELECTING, *_TAKING}  # actions that see lines
_ACTIONS = {*_SEEING, *_DESCRIBING, b"t"}
_LOCAL_TIME = b"T"
_BEYOND = 1 << 64  # a number of the original's loses what is above


class Action:
    """One step of a script: a selection by ``pattern``, or the ``index`` of a log or last-line file."""

    __slots__ = ("act", "index", "pattern")

    def __init__(self, act: int, pattern: bytes = b"", index: int = 0) -> None:
        self.act, self.pattern, self.index = act, pattern, index


class Destination:
    """A log directory as the script describes it.

    ``size`` is the largest size of a file in bytes.  ``count`` is the number of
    files that are kept, ``current`` among them.  ``processor`` is the shell
    command whose output replaces a finished file, or None.  ``total`` is the most
    bytes that all finished files have together, ``age`` the seconds after which
    ``current`` is finished; 0 means no limit.
    """

    __slots__ = ("age", "count", "path", "processor", "size", "total")

    def __init__(
        self,
        path: bytes,
        size: int = SIZE_USUAL,
        count: int = COUNT_USUAL,
        processor: bytes | None = None,
        total: int = 0,
        age: int = 0,
    ) -> None:
        self.path, self.size, self.count, self.processor = path, size, count, processor
        self.total, self.age = total, age


class Script:
    """A whole script.

    Attributes:
        actions: in the order of the script; they refer to the next two by index.
        logs: the directories.
        last_line_paths: the files that hold a last line.
        is_labelled: whether each line gets a label before it.
        has_local_time: whether each line gets the local time before it, behind the label.
        mistakes: the text of a warning for each.
    """

    __slots__ = ("actions", "has_local_time", "is_labelled", "last_line_paths", "logs", "mistakes")

    def __init__(self, arguments: list[bytes]) -> None:
        """Read a script; none is refused."""
        self.actions: list[Action] = []
        self.logs: list[Destination] = []
        self.last_line_paths: list[bytes] = []
        self.is_labelled = bool(arguments) and arguments[0].startswith(b"t")
        seeing = next((at for at, argument in enumerate(arguments) if argument[:1] in _SEEING), None)
        self.has_local_time = _LOCAL_TIME in arguments[:seeing]
        self.mistakes: list[bytes] = []
        template = Destination(b"")  # what is said about the directories that follow
        for at, argument in enumerate(arguments):
            self._take(argument[:1], argument, template)
            if argument != _LOCAL_TIME:
                self._check(argument, at, template)
            elif seeing is not None and at > seeing:
                self._add_mistake(argument, b"T counts only before the first action that sees lines")
        if self.logs or any(action.act > SELECT for action in self.actions):
            for argument in [*_idle(arguments, _DESCRIBING, _NAMING), *_idle(arguments, _SELECTING, _TAKING)]:
                self._add_mistake(argument, b"nothing stands behind it that it is for, so it does nothing")
        else:
            self.mistakes.append(b"nothing takes the lines, which are lost; a directory begins with . or /")

    def _check(self, argument: bytes, at: int, template: Destination) -> None:
        """Note the mistakes in one argument, after it was taken."""
        first, rest = argument[:1], argument[1:]
        if first == b"s":
            if rest.lstrip(b"0") != b"%d" % template.size:
                wanted = b"a size from %d to %d" % (SIZE_LEAST, SIZE_MOST)
                self._add_mistake(argument, b"%s stands behind the s; %d is taken" % (wanted, template.size))
        elif first == b"n":
            if rest.lstrip(b"0") != b"%d" % template.count:
                wanted = b"a number from %d" % COUNT_LEAST
                self._add_mistake(argument, b"%s stands behind the n; %d is taken" % (wanted, template.count))
        elif first in _UNITS:
            if _small_number(rest) is None:
                wanted = b"a number of %s up to %d" % (_UNITS[first], NUMBER_MOST)
                self._add_mistake(argument, b"%s stands behind the %s; it does nothing" % (wanted, first))
        elif first in _NAMING:
            if 0 < template.total < template.size and template.processor is None:
                sizes = (template.total, template.size)
                reason = b"S%d is less than one file may have (s%d), so a full one is removed at once" % sizes
                self._add_mistake(argument, reason)
        elif first == b"!" and not rest:
            self._add_mistake(argument, b"it has no command, so the finished files become empty")
        elif first == b"t" and at:
            self._add_mistake(argument, b"t counts only as the first action")
        elif first in (b"t", b"e") and rest:
            self._add_mistake(argument, b"%s stands alone; what follows is not looked at" % first)
        elif first not in _ACTIONS:
            self._add_mistake(argument, b"no action, so it does nothing; a directory begins with . or /")

    def _add_mistake(self, argument: bytes, reason: bytes) -> None:
        shown = argument[:SHOWN_MOST].replace(b"\n", b"?") or b"(empty)"
        self.mistakes.append(shown + b": " + reason)

    def _take(self, first: bytes, argument: bytes, template: Destination) -> None:
        if first in _SELECTING:
            self.actions.append(Action(_SELECTING[first], argument[1:]))
        elif first == b"e":
            self.actions.append(Action(TO_ECHO))
        elif first == b"=":
            self.actions.append(Action(TO_LAST, index=len(self.last_line_paths)))
            self.last_line_paths.append(argument[1:])
        elif first == b"s":
            template.size = min(max(_number(argument[1:]), SIZE_LEAST), SIZE_MOST)
        elif first == b"n":
            template.count = max(_number(argument[1:]), COUNT_LEAST)
        elif first == b"!":
            template.processor = argument[1:]
        elif first == b"S":
            template.total = _small_number(argument[1:]) or 0
        elif first == b"R":
            template.age = _small_number(argument[1:]) or 0
        elif first in _NAMING:
            self.actions.append(Action(TO_LOG, index=len(self.logs)))
            kept = (template.size, template.count, template.processor, template.total, template.age)
            self.logs.append(Destination(argument, *kept))


def _idle(arguments: list[bytes], kind: "Container[bytes]", users: "Container[bytes]") -> list[bytes]:
    """Return the arguments of a kind that stand after the last argument that would use them."""
    last = max((at for at, argument in enumerate(arguments) if argument[:1] in users), default=-1)
    idle = [argument for argument in arguments[last + 1 :] if argument[:1] in kind]
    return [each for each in idle if each[:1] not in _UNITS or _small_number(each[1:]) is not None]


def _number(text: bytes) -> int:
    """Return the number that the leading digits are, 0 without any."""
    from ucspi.decimal import leading_digits, remainder  # here, as many scripts have no number

    return remainder(leading_digits(text), _BEYOND)


def _small_number(text: bytes) -> int | None:
    """Return a number of digits alone, None if it is no such number or above `NUMBER_MOST`."""
    from ucspi.decimal import whole_number

    return whole_number(text, NUMBER_MOST)
