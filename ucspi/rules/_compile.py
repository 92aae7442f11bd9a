"""From rules text to records, in one pass and in little memory.

Text arrives in blocks cut anywhere and leaves as records, so a file of any
length, or a pipe, needs no more memory than its longest line.

Most lines of a long file repeat the same few instructions.  Their data is
remembered, and a plain line then costs a look at its address; every line that
is new in some way goes through `parse`.  The C core goes further where it can:
see `_bulk`.
"""

from ucspi.rules._bulk import BulkCompiler
from ucspi.rules._bytes import require_bytes
from ucspi.rules._diagnostic import Diagnostic
from ucspi.rules._expand import expand, is_plain
from ucspi.rules._native import lib
from ucspi.rules._parse import parse
from ucspi.rules._record import encode
from ucspi.rules._remarks import NO_NEWLINE, remarks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ucspi.rules._parse import Rule

MEMORY_MAX = 256  # instructions remembered; a file with more distinct ones starts over
BARE = (b"allow", b"deny")


class Tally:
    """How much was compiled: lines, the rules among them, the records made of these."""

    __slots__ = ("lines", "records", "rules")

    def __init__(self, lines: int = 0, rules: int = 0, records: int = 0) -> None:
        """Begin with these numbers."""
        self.lines, self.rules, self.records = lines, rules, records

    def __repr__(self) -> str:
        """Show the numbers."""
        return f"Tally({self.lines}, {self.rules}, {self.records})"


class LineCompiler:
    """Compiles lines one by one; remembers the data of instructions that it has seen."""

    __slots__ = ("_add", "_known", "_warn", "tally")

    def __init__(
        self, add: "Callable[[bytes, bytes], object]", warn: "Callable[[Diagnostic], object] | None"
    ) -> None:
        """Send records to ``add``, and remarks on odd lines to ``warn`` unless it is None."""
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
        odd = self._remark(line, rule, is_plain(address) and instructions in BARE)
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

    def _remark(self, line: bytes, rule: "Rule | None", plain: bool) -> bool:
        """Warn about a line; return whether there was anything to say."""
        if self._warn is None or plain or line[:1] == b"#" or not line:
            return False
        odd = False
        for remark in remarks(line, rule, self.tally.lines):
            self._warn(remark)
            odd = True
        return odd


def compile_rules(
    blocks: "Iterable[bytes]",
    add: "Callable[[bytes, bytes], object]",
    warn: "Callable[[Diagnostic], object] | None" = None,
    *,
    add_block: "Callable[[bytes], object] | None" = None,
) -> Tally:
    """Read rules text and call ``add(key, data)`` for each record, in order.

    Args:
        blocks: the text in pieces of any size, cut anywhere.
        add: takes one record, as ``Builder.add`` and ``Writer.add`` do.
        warn: takes what there is to remark on single lines that 0.88 accepts
            without a word; `lint` also compares lines with each other.
        add_block: takes many records as they stand in a cdb file, as
            ``Builder.add_block`` does.  With it the C core, where there is
            one, compiles plain lines, several times as fast.

    Raises:
        RuleSyntaxError: the first line that cannot be parsed; the records of
            the lines before it have been added.
    """
    if isinstance(blocks, (bytes, str)):
        require_bytes("rules text", blocks)
        raise TypeError("rules text comes in blocks: put it in a list")
    compiler = LineCompiler(add, warn)
    if add_block is not None and lib is not None:
        BulkCompiler(compiler, add_block).compile(_checked(blocks))
    else:
        for lines, rest in split_lines(_checked(blocks)):
            compiler.feed(lines)
            compiler.end(rest)
    return compiler.tally


def split_lines(blocks: "Iterable[bytes]") -> "Iterator[tuple[list[bytes], bytes]]":
    """Yield lists of whole lines without their newlines; with the last one what follows the last newline."""
    begun: list[bytes] = []  # of a line that no block has ended yet; joined once
    for block in blocks:
        lines = block.split(b"\n")
        if len(lines) > 1:
            lines[0] = b"".join((*begun, lines[0]))
            begun = [lines.pop()]
            yield lines, b""
        else:
            begun.append(block)
    yield [], b"".join(begun)


def _checked(blocks: "Iterable[bytes]") -> "Iterator[bytes]":
    for block in blocks:
        require_bytes("a block of rules text", block)
        yield block
