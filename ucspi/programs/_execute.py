"""Executes the rest of the command line: most programs here end so."""

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
    """Execute a program in place of this process, with the environment that this one was started with.

    Args:
        name: our name, for the error message.
        program: the file, or the name to look for in PATH.
        argv: its command line, its name first.
        changes: changes of the environment, in the form of `changed`.  PATH is
            the one before these changes.
        entries: the environment, if it was read earlier: after a change of ids
            we may not read ``/proc/self/environ`` any more.

    Raises:
        Stop: the program cannot be executed.
    """
    if entries is None:
        entries = inherited()
    undo_ignored()
    files = search.files(program, value_of(entries, b"PATH"))
    try:
        search.execute(files, argv, changed(entries, changes))
    except OSError as error:
        raise fatal(name, b"unable to run " + program, error) from None
