"""``tcpcat [ host [ port ] ]``: print what a server sends, unchanged."""

from ucspi.exits import EXIT_TEMPORARY
from ucspi.programs._program import run
from ucspi.programs._small_client import dial, fill_operands, print_until_closed

PROGRAM = b"tcpcat"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_tcpcat, argv, b"tcpcat: usage: tcpcat [ host [ port ] ]")


def _tcpcat(argv: list[bytes]) -> int:
    host, port = fill_operands(argv, b"0", b"17")
    return 0 if print_until_closed(PROGRAM, dial(host, port), lambda block: block) else EXIT_TEMPORARY
