"""``cdb -d`` and ``cdb -l``: print all records, or all keys."""

from ucspi.cdb import dump, scan
from ucspi.programs._stdio import blocks, write
from ucspi.programs.cdb._messages import open_input

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

WRITE_SIZE = 65536


def show(path: bytes, *, keys_only: bool, plain: bool) -> int:
    """Print a database; return the exit code.

    Args:
        path: a file name; ``-`` is standard input.
        keys_only: leave the data out.
        plain: leave the lengths out.
    """
    source = blocks(open_input(path, b"open " + path))
    if not keys_only and not plain:
        dump(source, write)
    else:
        _write_lines(_lines(source, keys_only, plain))
        if not plain:
            write(b"\n")
    return 0


def _lines(source: "Iterator[bytes]", keys_only: bool, plain: bool) -> "Iterator[bytes]":
    for key, data in scan(source):
        if not keys_only:
            yield b"%b %b\n" % (key, data)
        elif plain:
            yield key + b"\n"
        else:
            yield b"+%d:%b\n" % (len(key), key)


def _write_lines(lines: "Iterator[bytes]") -> None:
    """Write lines in blocks; on a failure those before it are still written."""
    block = bytearray()
    try:
        for line in lines:
            block += line
            if len(block) >= WRITE_SIZE:
                full, block = block, bytearray()
                write(bytes(full))
    finally:
        if block:
            write(bytes(block))
