"""Copies and logs for `recordio`, where there is no mover; ``cdbext/mover/record.c`` logs the same."""

from ucspi.programs._stdio_copier import Conversion, copy
from ucspi.unix.output import emit

# Bytes that the original reads and logs at once; it cuts longer lines.
_PIECE = 256
# Small, so that most of what was logged was also delivered when the program ends early.
_BLOCK = 16 * _PIECE


def record(program: int, to_program: int, from_program: int) -> None:
    """Copy both ways, as `copy` does, and log what passes."""
    copy(_conversion(program, b"<"), _conversion(program, b">"), to_program, from_program)


def _conversion(program: int, mark: bytes) -> Conversion:
    head = b"%d %s " % (program, mark)

    def convert(data: bytes) -> bytes:
        for at in range(0, len(data), _PIECE):
            emit(lines(head, data[at : at + _PIECE]))
        return data

    return Conversion(_BLOCK, convert, lambda: emit(head + b"[EOF]\n"))


def lines(head: bytes, piece: bytes) -> bytes:
    """Return the log lines of a piece; they end with a blank, or with a plus if the line may go on."""
    *whole, rest = piece.split(b"\n")
    text = b"".join([b"%s%s \n" % (head, line) for line in whole])
    return b"%s%s%s+\n" % (text, head, rest) if rest else text
