"""``who@ [ host ]``: print what a host's systat service (port 11) says about its users."""

from ucspi.programs._program import run
from ucspi.programs._small_client import VisibleText, fill_operands, print_answer

PROGRAM = b"who@"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_who, argv, b"who@: usage: who@ [ host ]")


def _who(argv: list[bytes]) -> int:
    (host,) = fill_operands(argv, b"0")
    return print_answer(PROGRAM, host, b"11", b"", VisibleText())
