"""The programs that convert standard input to standard output."""

from ucspi.exits import EXIT_TEMPORARY
from ucspi.unix.output import write_all
from ucspi.unix.signals import undo_ignored
from ucspi.unix.streams import BLOCK, read_some

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Half of what a pipe holds: with labels, lines still fit into one whole.  With
# more, each block waits in the middle until somebody has read.
LABELLED = 32768


def run_filter(
    feed: "Callable[[bytes], Iterable[bytes | memoryview]]",
    finish: "Callable[[], bytes]",
    size: int = BLOCK,
) -> int:
    """Write what comes of each block before the next is read; return the exit code.

    What cannot be read or written is not spoken of.

    Args:
        feed: takes a block; each piece is good until the next is asked for.
        finish: gives what was held when nothing follows.
        size: bytes read at once, at most.
    """
    undo_ignored()  # who stops reading ends us by SIGPIPE
    try:
        while data := read_some(0, size):
            for piece in feed(data):
                write_all(1, piece)
        write_all(1, finish())
    except OSError:
        return EXIT_TEMPORARY
    return 0
