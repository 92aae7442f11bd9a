"""``svwait STATE DIR ...``: wait until services are up, down, ready or finished."""

from ucspi.programs import _options
from ucspi.programs._program import run
from ucspi.programs._wait import wait_for

USAGE = b"svwait: usage: svwait [ --timeout seconds ] up|down|ready|finished dir ..."


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_svwait, argv, USAGE)


def _svwait(argv: list[bytes]) -> int:
    options, operands = _options.parse(argv, b"", USAGE, {b"timeout": True})
    seconds = dict(options).get(b"timeout")
    return wait_for(b"svwait", b"".join(operands[:1]), seconds, operands[1:], USAGE)
