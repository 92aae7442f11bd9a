"""``argv0 REALNAME NAME [ARG ...]``: run a program under another name."""

from ucspi.exits import EXIT_USAGE
from ucspi.programs._execute import execute
from ucspi.programs._program import Stop, run

USAGE = b"argv0: usage: argv0 realname program [ arg ... ]"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_argv0, argv, USAGE)


def _argv0(argv: list[bytes]) -> int:
    if len(argv) < 3:
        raise Stop(USAGE, EXIT_USAGE)
    execute(b"argv0", argv[1], argv[2:])
