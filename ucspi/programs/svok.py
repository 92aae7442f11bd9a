"""``svok DIR``: exit 0 if a supervisor runs there, 100 if not."""

from ucspi.exits import EXIT_USAGE
from ucspi.programs._program import Stop, fatal, run
from ucspi.service import controlfiles

USAGE = b"svok: usage: svok dir"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_svok, argv, USAGE)


def _svok(argv: list[bytes]) -> int:
    if len(argv) < 2:
        raise Stop(USAGE, EXIT_USAGE)
    name = argv[1]
    try:
        service = controlfiles.enter_named(name)
    except OSError as error:
        raise fatal(b"svok", b"unable to chdir to " + name, error) from None
    try:
        return 0 if controlfiles.is_supervised(service) else EXIT_USAGE
    except FileNotFoundError:
        return EXIT_USAGE
    except OSError as error:
        raise fatal(b"svok", b"unable to open %s/supervise/ok" % name, error) from None
