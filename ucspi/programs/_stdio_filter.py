"""The loop of the programs that convert standard input to standard output."""

from ucspi.exits import EXIT_TEMPORARY
from ucspi.unix.output import write_all
from ucspi.unix.signals import undo_ignored
from ucspi.unix.streams import BLOCK, read_some

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Half of what a pipe holds: with labels the lines of a block still fit into it.
# Otherwise we would wait in the middle of each block until somebody has read.
LABELLED = 32768


def run_filter(
    feed: "Callable[[bytes], Iterable[bytes | memoryview]]",
    finish: "Callable[[], bytes]",
    size: int = BLOCK,
) -> int:
    """Read and convert blocks, and write each before the next is read; return the exit code.

    A failure to read or write ends the program without a message.

    Args:
        feed: converts a block; a piece that it yields is valid until the next one.
        finish: returns what was held back, at the end.
        size: the most bytes that are read at once.
    """
    undo_ignored()  # if nobody reads any more, SIGPIPE ends us
    try:
        while data := read_some(0, size):
            for piece in feed(data):
                write_all(1, piece)
        write_all(1, finish())
    except OSError:
        return EXIT_TEMPORARY
    return 0
