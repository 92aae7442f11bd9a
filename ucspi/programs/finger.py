"""``finger@ [ host [ user ] ]``: ask a host's finger service (port 79) about a user, or all."""

from ucspi.programs._program import run
from ucspi.programs._small_client import VisibleText, fill_operands, print_answer, require_one_line

PROGRAM = b"finger@"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_finger, argv, b"finger@: usage: finger@ [ host [ user ] ]")


def _finger(argv: list[bytes]) -> int:
    host, user = fill_operands(argv, b"0", b"")
    require_one_line(PROGRAM, user)
    return print_answer(PROGRAM, host, b"79", user + b"\r\n", VisibleText())
