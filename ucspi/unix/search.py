"""Finding and executing a program as the originals do, which differs from ``execvp``.

A name with a slash is used as it is.  Otherwise each component of PATH is tried;
an empty one means the current directory.  After ENOENT the search goes on.  After
EACCES, EPERM and EISDIR it goes on too, but such an error is reported in the end.
Any other error stops the search.  A script without ``#!`` is never given to a
shell.

Source: observed from the original tcpserver and setuidgid.
"""

import errno
import posix as os

from ucspi.unix import inheritedstate

if inheritedstate.limits:  # rarely; loaded now, for later another user might not be allowed to read it
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
    """Return the files to try for a program, in order; ``path`` is None if PATH is unset."""
    if b"/" in program:
        return [program]
    components = (DEFAULT_PATH if path is None else path).split(b":")
    return [(component or b".") + b"/" + program for component in components]


class Entries:
    """The environment as a mapping for ``os.execve``, which keeps the order and repeated names.

    CPython puts an ``=`` into each entry, and drops empty ones.
    """

    def __init__(self, entries: list[bytes]) -> None:
        """Take entries, ``NAME=VALUE``."""
        # CPython accepts a name that begins with ``=``, but not an empty name.
        split = ((entry[:1], entry[1:].partition(b"=")) for entry in entries if entry)
        self._pairs = [(first + name, value) for first, (name, _, value) in split]

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._pairs)

    def __getitem__(self, name: bytes) -> bytes:
        """Raise `KeyError`: no name is ever looked up."""
        raise KeyError(name)  # CPython demands the method, but does not call it

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
        limits: limits that differ from those that we were started with, from
            `ucspi.unix.rlimits.soft`.

    Raises:
        OSError: nothing could be executed; it is the error to report.
    """
    if not (limits or inheritedstate.limits):  # nearly always
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
    """Return the errno with which executing these files would fail now; 0 if one could be executed."""
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
    # CPython refuses an empty program name.
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
