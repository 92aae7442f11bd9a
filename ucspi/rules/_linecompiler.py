"""Compiling rules text line by line.

Most lines of a long file repeat the same few instructions.  Their data is
remembered, so a plain line with known instructions costs one look at its
address.  Every other line goes through `parse`.
"""

from ucspi.rules._diagnostic import Diagnostic
from ucspi.rules._expand import expand, is_plain
from ucspi.rules._linewarnings import NO_NEWLINE, warnings
from ucspi.rules._parse import parse
from ucspi.rules._ruledata import encode
from ucspi.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ucspi.rules._parse import Rule

MEMORY_MAX = 256  # instructions remembered; a file with more distinct ones starts over
BARE = (b"allow", b"deny")


class Tally(Value):
    """How many lines were compiled, how many of them are rules, and how many records these gave."""

    __slots__ = ("lines", "records", "rules")
    __match_args__ = ("lines", "rules", "records")
    __hash__ = None  # type: ignore[assignment]  # it counts on

    def __init__(self, lines: int = 0, rules: int = 0, records: int = 0) -> None:
        """Start from these counts."""
        self.lines, self.rules, self.records = lines, rules, records


class LineCompiler:
    """Compiles lines one by one; remembers the data of instructions that it has seen."""

    __slots__ = ("_add", "_known", "_warn", "tally")

    def __init__(
        self, add: "Callable[[bytes, bytes], object]", warn: "Callable[[Diagnostic], object] | None"
    ) -> None:
        """Send records to ``add``, and warnings to ``warn`` unless it is None."""
        self._add, self._warn = add, warn
        self._known: dict[bytes, bytes] = {}
        self.tally = Tally()

    def feed(self, lines: "list[bytes]") -> None:
        """Compile whole lines without their newlines; raises as `compile_rules` does."""
        tally, known, add = self.tally, self._known, self._add
        for line in lines:
            tally.lines += 1
            address, _, instructions = line.partition(b":")
            data = known.get(instructions)
            if data is not None and is_plain(address):
                tally.rules += 1
                tally.records += 1
                add(address, data)
            else:
                self._compile(line, address, instructions)

    def end(self, last: bytes) -> None:
        """Compile the last line, which has no newline; empty if there is none."""
        if last:
            self.feed([last])
            if self._warn is not None:
                self._warn(Diagnostic(self.tally.lines, len(last) + 1, *NO_NEWLINE))

    def _compile(self, line: bytes, address: bytes, instructions: bytes) -> None:
        rule = parse(line, self.tally.lines)
        odd = self._warn_about(line, rule, is_plain(address) and instructions in BARE)
        if rule is None:
            return
        data = encode(rule)
        if not odd and rule.address == address and is_plain(address):
            if len(self._known) == MEMORY_MAX:
                self._known.clear()
            self._known[instructions] = data
        keys = expand(rule.address)
        self.tally.rules += 1
        self.tally.records += len(keys)
        for key in keys:
            self._add(key, data)

    def _warn_about(self, line: bytes, rule: "Rule | None", plain: bool) -> bool:
        """Warn about a line that is not plain; return whether there was any warning."""
        if self._warn is None or plain or line[:1] == b"#" or not line:
            return False
        odd = False
        for warning in warnings(line, rule, self.tally.lines):
            self._warn(warning)
            odd = True
        return odd


def split_lines(blocks: "Iterable[bytes]") -> "Iterator[tuple[list[bytes], bytes]]":
    """Yield lists of whole lines, without their newlines, each with ``b""``.

    At the end an empty list is yielded with what follows the last newline.
    """
    unfinished: list[bytes] = []  # pieces of a line whose end has not come yet; joined once
    for block in blocks:
        lines = block.split(b"\n")
        if len(lines) > 1:
            lines[0] = b"".join((*unfinished, lines[0]))
            unfinished = [lines.pop()]
            yield lines, b""
        else:
            unfinished.append(block)
    yield [], b"".join(unfinished)
