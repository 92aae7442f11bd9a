"""``recordio PROGRAM [ARG ...]``: log what a program reads and writes."""

from ucspi.programs._program import run
from ucspi.programs._stdio_proxy import Conversion, execute_behind_proxy
from ucspi.unix.output import write_all

USAGE = b"recordio: usage: recordio program [ arg ... ]"

# Bytes that the original reads and logs at once; it cuts longer lines.
_PIECE = 256
# Small, so that most of what was logged was also delivered when the program ends early.
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
    """Return the log lines of a piece; they end with a blank, or with a plus if the line may go on."""
    *whole, rest = piece.split(b"\n")
    text = b"".join([b"%s%s \n" % (head, line) for line in whole])
    return b"%s%s%s+\n" % (text, head, rest) if rest else text


def _log(text: bytes) -> None:
    """Write to descriptor 2; if nobody reads the log the service goes on."""
    try:
        write_all(2, text)
    except OSError:
        pass
