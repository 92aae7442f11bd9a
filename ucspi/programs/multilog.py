"""``multilog [ACTION ...]``: distribute lines from standard input to logs of limited size."""

import os
from _signal import SIG_DFL, SIGCHLD, SIGPIPE, signal

from ucspi.errors import LogError
from ucspi.logs.logger import InputWait, Logger, OpenOutputs
from ucspi.logs.retry import Retry
from ucspi.logs.script import Script
from ucspi.programs._program import fatal, run
from ucspi.unix import fds
from ucspi.unix.errtext import explain
from ucspi.unix.output import emit, say
from ucspi.unix.signals import undo_ignored

PROGRAM = b"multilog"
USAGE = b"multilog: usage: multilog [ action ... ]"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_multilog, argv, USAGE)


def _multilog(argv: list[bytes]) -> int:
    fds.occupy_standard()
    os.umask(0o022)
    undo_ignored(SIGPIPE)  # when nobody reads stderr any more, a line for ``e`` ends us
    signal(SIGCHLD, SIG_DFL)  # if it were ignored, no processor could be waited for
    input_wait = InputWait(0)
    script = Script(argv[1:])
    for mistake in script.mistakes:
        _warn(mistake, None)
    try:
        outputs = OpenOutputs(script, Retry(_warn), _complain, emit)
    except LogError as error:
        raise fatal(PROGRAM, error.step, error.error) from None
    Logger(script, outputs, input_wait, 0).run()
    outputs.close()
    return 0


def _warn(what: bytes, error: OSError | None) -> None:
    tail = b"" if error is None else b": " + explain(error)
    say(b"%s: warning: %s%s" % (PROGRAM, what, tail))


def _complain(what: bytes, error: OSError) -> None:
    say(b"%s: fatal: %s: %s" % (PROGRAM, what, explain(error)))
