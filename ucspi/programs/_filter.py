"""The programs that convert standard input to standard output."""

from ucspi.errors import EXIT_TEMPORARY
from ucspi.unix.signals import undo_ignored
from ucspi.unix.streams import copy, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.crlf import Adder, Remover


def run_filter(text: "Adder | Remover") -> int:
    """Write what comes of each block before the next is read; return the exit code.

    What cannot be read or written is not spoken of.
    """
    undo_ignored()  # who stops reading ends us by SIGPIPE
    try:
        copy(0, 1, text.feed)
        write_all(1, text.finish())
    except OSError:
        return EXIT_TEMPORARY
    return 0
