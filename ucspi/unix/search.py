"""How a program is found: the originals' own search, not ``execvp``'s.

A name with a slash is used as it is.  Otherwise each component of PATH is
tried, an empty one meaning the current directory.  ENOENT goes on; EACCES,
EPERM and EISDIR go on too but are what is reported in the end; any other
error stops the search.  A script without ``#!`` is never given to a shell.

Source: observed from the original tcpserver and setuidgid.
"""

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

DEFAULT_PATH = b"/bin:/usr/bin"
_TRY_NEXT = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR)


def files(program: bytes, path: bytes | None) -> list[bytes]:
    """Return the files to try for a program, in order; ``path`` is None when PATH is unset."""
    if b"/" in program:
        return [program]
    components = (DEFAULT_PATH if path is None else path).split(b":")
    return [(component or b".") + b"/" + program for component in components]


def execute(paths: list[bytes], argv: list[bytes], entries: list[bytes]) -> "NoReturn":
    """Replace this process by the first file that can be executed.

    Args:
        paths: the files to try, as `files` returns them.
        argv: the command line of the program, its name first.
        entries: its environment as ``NAME=VALUE``.

    Raises:
        OSError: nothing could be executed; the error worth reporting.
    """
    # CPython refuses an empty name, of a variable or of the program.  Nothing
    # that an empty name leads to can be executed: the system shall say why.
    named = (entry.partition(b"=") for entry in entries if entry and not entry.startswith(b"="))
    environment = {name: value for name, _, value in named}
    argv = [argv[0] or b"?", *argv[1:]]
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
