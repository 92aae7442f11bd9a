"""``svstat DIR ...``: print the state of services, one line each, or as JSON, or as a table."""

import time

from ucspi.exits import EXIT_USAGE
from ucspi.programs._program import Stop, print_all, run
from ucspi.service import servicestate

USAGE = (
    b"svstat: usage: svstat dir ..., or with an option first: "
    b"--json dir ..., --check [ --ready ] dir ..., --table dir"
)


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_svstat, argv, USAGE)


def _svstat(argv: list[bytes]) -> int:
    # Only as the first argument, and only these: the original has no options, and shows any directory.
    first, operands = b"".join(argv[1:2]), argv[2:]
    if first == b"--json":
        from ucspi.programs._svstat_json import print_json

        return print_json(operands)
    if first == b"--check":
        from ucspi.programs._svstat_check import check

        return check(operands, USAGE)
    if first == b"--table":
        from ucspi.programs._svstat_table import print_table

        if len(operands) != 1:
            raise Stop(USAGE, EXIT_USAGE)
        return print_table(operands[0])
    try:
        print_all(b"".join(b"%s: %s\n" % (name, describe(name)) for name in argv[1:]))
    except OSError:
        pass  # the original ignores this, too
    return 0


def describe(name: bytes) -> bytes:
    """Return the state of a service as text, or why it cannot be found out."""
    state = servicestate.look(name)
    if state.status is None:
        return state.problem
    return state.status.describe(int(time.time()), normally_up=state.is_normally_up is True)
