"""``readproctitle [TEXT ...] DOTS``: show the end of a log in the output of ``ps``.

The last argument gives the length.  It is overwritten with dots, and what is read
moves through it from right to left.
"""

from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._program import Stop, run
from ucspi.unix.output import say
from ucspi.unix.processtitle import Title
from ucspi.unix.streams import read_some

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LEAST = 5
_STAYING = b"..."  # stands in front of the text, whose beginning is lost


def main(argv: list[bytes] | None = None) -> int:
    """Read and show until the input ends; return the exit code."""
    return run(_readproctitle, argv)


def _readproctitle(argv: list[bytes]) -> int:
    if len(argv) < 2 or len(argv[-1]) < _LEAST:
        raise Stop(b"", EXIT_USAGE)
    try:
        _follow(len(argv[-1]), _title(argv[-1]))
    except OSError:
        raise Stop(b"", EXIT_TEMPORARY) from None
    return 0


def _title(argument: bytes) -> "Callable[[bytes], object]":
    """Return a function that shows a text.

    If nothing can be shown we still read, so that writers do not block.
    """
    try:
        return Title(argument).show
    except OSError:
        say(b"readproctitle: warning: unable to find the arguments in memory: nothing is shown")
        return lambda text: None


def _follow(length: int, show: "Callable[[bytes], object]") -> None:
    room = length - len(_STAYING)
    text = b"." * room
    show(_STAYING + text)
    while data := read_some(0):
        text = (text + data.replace(b"\0", b""))[-room:]
        show(_STAYING + text)
