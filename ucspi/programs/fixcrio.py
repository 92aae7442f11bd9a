"""``fixcrio PROGRAM [ARG ...]``: put a carriage return before each newline that has none, both ways."""

from ucspi.programs._program import run
from ucspi.programs._stdio_proxy import execute_behind_proxy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.programs._stdio_proxy import Copy

USAGE = b"fixcrio: usage: fixcrio program [ arg ... ]"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(lambda argv: execute_behind_proxy(b"fixcrio", argv, b"fixcr", _load), argv, USAGE)


def _load() -> "Copy":
    from ucspi.programs._fixcrio_copy import fix

    return fix
