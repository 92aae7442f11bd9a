"""The programs that filter lines from standard input to standard output."""

from ucspi.errors import EXIT_TEMPORARY
from ucspi.unix.signals import undo_ignored
from ucspi.unix.streams import read_some, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.logs.label import Stamper
    from ucspi.logs.localtime import Localizer

# Half of what a pipe holds: with labels, lines still fit into one whole.  With
# more, each block waits in the middle until somebody has read.
_BLOCK = 32768


def run_filter(lines: "Stamper | Localizer") -> int:
    """Write what comes of each block before the next is read; return the exit code.

    What cannot be read or written is not spoken of.
    """
    undo_ignored()  # who stops reading ends us by SIGPIPE
    try:
        while data := read_some(0, _BLOCK):
            for piece in lines.feed(data):
                write_all(1, piece)
        write_all(1, lines.finish())
    except OSError:
        return EXIT_TEMPORARY
    return 0
