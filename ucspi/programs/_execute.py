"""Executing the rest of the command line, as a link of a chain."""

from ucspi.programs._program import fatal
from ucspi.unix import search
from ucspi.unix.environ import changed, inherited, value_of
from ucspi.unix.signals import undo_ignored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn


def execute(
    name: bytes,
    program: bytes,
    argv: list[bytes],
    *,
    changes: "Iterable[bytes]" = (),
    entries: list[bytes] | None = None,
) -> "NoReturn":
    """Replace this process by a program, with the environment this one was started with.

    Args:
        name: ours, for the complaint.
        program: what to look for in PATH.
        argv: its command line, its name first.
        changes: made to its environment, as `changed` takes them.  The PATH
            that counts here is the one before them.
        entries: the environment, if it had to be read earlier: who has
            changed ids may not read ``/proc/self/environ`` any more.

    Raises:
        Stop: nothing could be executed.
    """
    if entries is None:
        entries = inherited()
    undo_ignored()
    files = search.files(program, value_of(entries, b"PATH"))
    try:
        search.execute(files, argv, changed(entries, changes))
    except OSError as error:
        raise fatal(name, b"unable to run " + program, error) from None
