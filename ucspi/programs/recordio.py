"""``recordio PROGRAM [ARG ...]``: log what a program reads and writes."""

from ucspi.programs._program import run
from ucspi.programs._stdio_proxy import Conversion, execute_behind_proxy
from ucspi.unix.output import write_all

USAGE = b"recordio: usage: recordio program [ arg ... ]"

# What the original reads, and so logs, at once: longer lines are cut there.
_PIECE = 256
# Few blocks are on their way when the program ends early: what was logged was mostly delivered.
_BLOCK = 16 * _PIECE


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_recordio, argv, USAGE)


def _recordio(argv: list[bytes]) -> int:
    execute_behind_proxy(
        b"recordio", argv, lambda program: (_conversion(program, b"<"), _conversion(program, b">"))
    )


def _conversion(program: int, mark: bytes) -> Conversion:
    head = b"%d %s " % (program, mark)

    def record(data: bytes) -> bytes:
        for at in range(0, len(data), _PIECE):
            _log(lines(head, data[at : at + _PIECE]))
        return data

    return Conversion(_BLOCK, record, lambda: _log(head + b"[EOF]\n"))


def lines(head: bytes, piece: bytes) -> bytes:
    """Return the log of a piece: a blank ends a line that was whole, a plus one that may go on."""
    *whole, rest = piece.split(b"\n")
    text = b"".join([b"%s%s \n" % (head, line) for line in whole])
    return b"%s%s%s+\n" % (text, head, rest) if rest else text


def _log(text: bytes) -> None:
    """Write to descriptor 2; who cannot read the log does not end the service."""
    try:
        write_all(2, text)
    except OSError:
        pass
