"""From rules text to records, in one pass and in little memory.

Text arrives in blocks cut anywhere and leaves as records, so a file of any
length, or a pipe, needs no more memory than its longest line.

Most lines of a long file repeat the same few instructions.  Their data is
remembered, and a plain line then costs one search for its colon; every line
that is new in some way goes through `parse`.
"""

from ucspi.rules._expand import expand
from ucspi.rules._parse import parse
from ucspi.rules._record import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MEMORY_MAX = 256  # instructions remembered; a file with more distinct ones starts over


def compile_rules(blocks: "Iterable[bytes]", add: "Callable[[bytes, bytes], object]") -> None:
    """Read rules text and call ``add(key, data)`` for each record, in order.

    Args:
        blocks: the text in pieces of any size, cut anywhere.
        add: takes one record, as ``Builder.add`` and ``Writer.add`` do.

    Raises:
        RuleSyntaxError: the first line that cannot be parsed; the records of
            the lines before it have been added.
    """
    known: dict[bytes, bytes] = {}
    first = 1
    for lines in split_lines(blocks):
        for number, line in enumerate(lines, first):
            address, _, instructions = line.partition(b":")
            data = known.get(instructions)
            if data is not None and b"-" not in address and line[0] != 35:
                add(address, data)
                continue
            rule = parse(line, number)
            if rule is None:
                continue
            data = encode(rule)
            if len(known) == MEMORY_MAX:
                known.clear()
            known[instructions] = data
            for key in expand(address):
                add(key, data)
        first += len(lines)


def split_lines(blocks: "Iterable[bytes]") -> "Iterator[list[bytes]]":
    """Yield lists of whole lines without their newlines; the last line may lack one."""
    begun: list[bytes] = []  # of a line that no block has ended yet; joined once
    for block in blocks:
        lines = block.split(b"\n")
        if len(lines) > 1:
            lines[0] = b"".join((*begun, lines[0]))
            begun = [lines.pop()]
            yield lines
        else:
            begun.append(block)
    last = b"".join(begun)
    if last:
        yield [last]
