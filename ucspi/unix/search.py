"""How a program is found: the originals' own search, not ``execvp``'s.

A name with a slash is used as it is.  Otherwise each component of PATH is
tried, an empty one meaning the current directory.  ENOENT goes on; EACCES,
EPERM and EISDIR go on too but are what is reported in the end; any other
error stops the search.  A script without ``#!`` is never given to a shell.

Source: observed from the original tcpserver and setuidgid.
"""

import errno
import posix as os

from ucspi.unix import inheritedstate

if inheritedstate.limits:  # rarely; and later, as another user, we might not be allowed to read it
    import ucspi.unix.rlimits  # noqa: F401

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    Limit = tuple[int, tuple[int, int]]

DEFAULT_PATH = b"/bin:/usr/bin"
_KIND, _FILE = 0o170000, 0o100000  # of a mode
_TRY_NEXT = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR)


def files(program: bytes, path: bytes | None) -> list[bytes]:
    """Return the files to try for a program, in order; ``path`` is None when PATH is unset."""
    if b"/" in program:
        return [program]
    components = (DEFAULT_PATH if path is None else path).split(b":")
    return [(component or b".") + b"/" + program for component in components]


class Entries:
    """The environment as the mapping that ``os.execve`` wants: each entry in its place, some names twice.

    What CPython makes of it has an ``=`` in each entry, and none that is empty.
    """

    def __init__(self, entries: list[bytes]) -> None:
        """Take entries as ``NAME=VALUE``."""
        # CPython takes a name that begins with ``=``, but no empty one.
        split = ((entry[:1], entry[1:].partition(b"=")) for entry in entries if entry)
        self._pairs = [(first + name, value) for first, (name, _, value) in split]

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._pairs)

    def __getitem__(self, name: bytes) -> bytes:
        """Find nothing."""
        raise KeyError(name)  # never asked for; it is what makes this a mapping

    def keys(self) -> list[bytes]:
        """Return the names, in order."""
        return [name for name, _ in self._pairs]

    def values(self) -> list[bytes]:
        """Return the values, in order."""
        return [value for _, value in self._pairs]


def execute(
    paths: list[bytes], argv: list[bytes], entries: list[bytes], limits: "Sequence[Limit]" = ()
) -> "NoReturn":
    """Replace this process by the first file that can be executed.

    Args:
        paths: the files to try, as `files` returns them.
        argv: the command line of the program, its name first.
        entries: its environment as ``NAME=VALUE``.
        limits: its limits, as `ucspi.unix.rlimits.soft` prepares them, where they
            shall differ from those that we were started with.

    Raises:
        OSError: nothing could be executed; the error worth reporting.
    """
    if not (limits or inheritedstate.limits):  # as nearly always
        _try(paths, argv, entries)
    from ucspi.unix.rlimits import Narrowed, soft

    try:
        narrowed = Narrowed(
            [*(soft(number, value) for number, value in inheritedstate.limits), *limits],
            paths + argv + entries,
        )
        try:
            _try(paths, argv, entries)
        finally:
            narrowed.undo()
    except MemoryError:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) from None


def obstacle(paths: list[bytes]) -> int:
    """Return the errno with which none of these files could be executed now, 0 when one could."""
    worst = errno.ENOENT
    for path in paths:
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            if error.errno not in _TRY_NEXT:
                return error.errno or errno.EIO
            worst = worst if error.errno == errno.ENOENT else error.errno
        else:
            if mode & _KIND == _FILE and os.access(path, os.X_OK):
                return 0
            worst = errno.EACCES
    return worst


def _try(paths: list[bytes], argv: list[bytes], entries: list[bytes]) -> "NoReturn":
    # CPython refuses a program called nothing.
    argv = [argv[0] or b"?", *argv[1:]]
    environment: Any = Entries(entries)
    worst = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    for path in paths:
        try:
            os.execve(path, argv, environment)
        except OSError as error:
            if error.errno not in _TRY_NEXT:
                raise
            if error.errno != errno.ENOENT:
                worst = error
    raise worst
