"""Compiling rules text to records, in one pass.

The text comes in blocks that are cut anywhere, and its records leave at once.
So a file of any length, or a pipe, needs no more memory than a block and its
longest line.  `_linecompiler` compiles line by line; `_nativecompile` has the C
core do it, which is faster.
"""

from ucspi.rules._checkinput import require_bytes
from ucspi.rules._linecompiler import LineCompiler, Tally, split_lines
from ucspi.rules._native import lib
from ucspi.rules._nativecompile import NativeCompiler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ucspi.rules._diagnostic import Diagnostic


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
        add: called with each record, as ``Builder.add`` and ``Writer.add`` are.
        warn: called with each warning about a single line that 0.88 accepts
            silently; `lint` also compares lines with each other.
        add_block: called with many records as they stand in a cdb file, as
            ``Builder.add_block`` is.  If it is given, the C core, where there
            is one, compiles plain lines, several times as fast; their records
            do not go to ``add``.

    Returns:
        How many lines, rules and records there were.

    Raises:
        RuleSyntaxError: the first line that cannot be parsed; the records of
            the lines before it have been added.
    """
    if isinstance(blocks, (bytes, str)):
        require_bytes("rules text", blocks)
        raise TypeError("rules text comes in blocks: put it in a list")
    compiler = LineCompiler(add, warn)
    if add_block is not None and lib is not None:
        NativeCompiler(compiler, add_block).compile(_checked(blocks))
    else:
        for lines, rest in split_lines(_checked(blocks)):
            compiler.feed(lines)
            compiler.end(rest)
    return compiler.tally


def _checked(blocks: "Iterable[bytes]") -> "Iterator[bytes]":
    for block in blocks:
        require_bytes("a block of rules text", block)
        yield block
