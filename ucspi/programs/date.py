"""``date@ [ host ]``: print what a host's daytime service (port 13) says."""

from ucspi.programs._program import run
from ucspi.programs._small_client import VisibleText, fill_operands, print_answer

PROGRAM = b"date@"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_date, argv, b"date@: usage: date@ [ host ]")


def _date(argv: list[bytes]) -> int:
    (host,) = fill_operands(argv, b"0")
    return print_answer(PROGRAM, host, b"13", b"", VisibleText())
