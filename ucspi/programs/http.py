"""``http@ [ host [ page [ port ] ] ]``: print a page, without the header of the response."""

from ucspi.programs._program import run
from ucspi.programs._small_client import fill_operands, print_answer, require_one_line

PROGRAM = b"http@"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_http, argv, b"http@: usage: http@ [ host [ page [ port ] ] ]")


def _http(argv: list[bytes]) -> int:
    host, page, port = fill_operands(argv, b"0", b"", b"80")
    require_one_line(PROGRAM, host, page, port)
    request = b"GET /%s HTTP/1.0\r\nHost: %s:%s\r\n\r\n" % (page, host, port)
    return print_answer(PROGRAM, host, port, request, Body())


class Body:
    """Finds what follows the first empty line, byte for byte; the header is not kept in memory."""

    __slots__ = ("_found", "_tail")

    def __init__(self) -> None:
        self._found, self._tail = False, b"\n"

    def __call__(self, block: bytes) -> bytes:
        """Return what of this block belongs to the body."""
        if self._found:
            return block
        text = self._tail + block
        ends = [at + len(end) for end in (b"\n\n", b"\n\r\n") if (at := text.find(end)) >= 0]
        if not ends:
            self._tail = text[-2:]
            return b""
        self._found = True
        return text[min(ends) :]
