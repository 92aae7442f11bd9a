"""``svstat --check``: are all services up, and with ``--ready`` ready?"""

import time

from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._program import Stop, print_or_stop
from ucspi.service import controlfiles, servicestate
from ucspi.service.goals import READY, UP, Goal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

EXIT_NOT_SO: "Final" = 1  # as health checks have it


def check(operands: list[bytes], usage: bytes) -> int:
    """Print a line for each service that is not so; return the exit code.

    Raises:
        Stop: no directory is named, which must not pass for health; or nothing can be printed.
    """
    is_ready_asked = operands[:1] == [b"--ready"]
    names = operands[1:] if is_ready_asked else operands
    if not names:
        raise Stop(usage, EXIT_USAGE)
    goal = Goal(READY if is_ready_asked else UP)
    now = int(time.time())
    lines, is_known = [], True
    for name in names:
        state = servicestate.look(name)
        if state.status is None:
            lines.append(b"%s: %s\n" % (name, state.problem))
            is_known &= state.problem == controlfiles.NOT_RUNNING
        elif not goal.is_reached(state.status, None):
            shown = state.status.describe(now, normally_up=state.is_normally_up is True)
            lines.append(b"%s: %s\n" % (name, shown + (b", not ready" if state.status.is_up else b"")))
    print_or_stop(b"svstat", b"".join(lines))
    if not lines:
        return 0
    return EXIT_NOT_SO if is_known else EXIT_TEMPORARY
