"""Opening files in directories where another user may have put them.

Whoever may write to a directory decides what a name in it leads to: by a link, by
a second name of a file that is elsewhere, by a file of another kind.  A program
that opens such a name acts for that user with its own rights.  So a name is looked
at first, without opening the file (``O_PATH``).  Then the very file that was looked
at is opened, through ``/proc/self/fd``.

A directory is *private* if nobody but root and we can have put anything there.
Then no check is needed.  In another directory a file counts only if it is of the
right kind, has no other name, and belongs to root, to us or to the directory's
owner.  A link counts only if root or we made it.
"""

import errno
import posix as os
from stat import S_ISDIR, S_ISLNK

from ucspi.errors import UnsafeFileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

FIFO: "Final" = 0o010000  # kinds of files, as in ``st_mode``
PLAIN: "Final" = 0o100000
_KIND = 0o170000
_WORDS = {FIFO: b"is not a fifo", PLAIN: b"is not a regular file"}

_LOOK: "Final" = getattr(os, "O_PATH", 0) | os.O_NOFOLLOW | os.O_CLOEXEC
_ENTER: "Final" = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_ALWAYS: "Final" = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NOT_AGAIN: "Final" = os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_NOFOLLOW
_READ: "Final" = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_MAY_WRITE: "Final" = 0o022
_LINKS: "Final" = 10  # links that are followed in a row
_TRIES: "Final" = 10  # to open a file that somebody makes and removes at the same time


def is_private(folder: int | bytes = b".") -> bool:
    """Return whether nobody but root and we can have put anything into a directory.

    Raises:
        OSError: it cannot be looked at.
    """
    return _is_private(os.stat(folder))


def _is_private(folder: os.stat_result) -> bool:
    return _is_ours(folder) and not folder.st_mode & _OTHERS_MAY_WRITE


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid in (0, os.geteuid())


def enter(path: bytes, parent: int | None = None, *, links: int = _LINKS) -> int:
    """Return a descriptor of a directory, reached through no link of another user.

    Only the last name of the path is checked, and the last name in each link that
    it leads to.  The names before are the choice of the caller or of the link's
    maker.

    Args:
        path: of the directory.
        parent: a descriptor of the directory that the path is relative to.
        links: how many may be followed.

    Raises:
        UnsafeFileError: there is a link that another user may have made.
        OSError: there is no such directory.
    """
    where, last = _split(path)
    if last in (b"", b".", b".."):
        return os.open(path, _ENTER, dir_fd=parent)
    folder = os.open(where, _ENTER, dir_fd=parent)
    try:
        target = follow(last, folder)
        if target is None:
            return os.open(last, _ENTER | os.O_NOFOLLOW, dir_fd=folder)
        if links == 0:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return enter(target, folder, links=links - 1)
    finally:
        os.close(folder)


def follow(name: bytes, folder: int) -> bytes | None:
    """Return the target of a link in a directory; None if it is not a link.

    Raises:
        UnsafeFileError: another user may have made it.
        OSError: there is no such name.
    """
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not S_ISLNK(found.st_mode):
        return None
    directory = os.stat(folder)
    if not _is_private(directory) and not (_is_ours(directory) and _is_ours(found) and found.st_nlink == 1):
        raise UnsafeFileError(b"is a link in a directory of another user")
    return os.readlink(name, dir_fd=folder)


def _split(path: bytes) -> tuple[bytes, bytes]:
    """Return the path of the directory, and the last name in it."""
    before, slash, last = path.rstrip(b"/").rpartition(b"/")
    return before + slash or b".", last


def open_file(name: bytes, flags: int, kind: int, folder: int | None = None, mode: int = 0o600) -> int:
    """Open a file that must be of a certain kind, never through a link; non-blocking and closed on exec.

    Args:
        name: of the file in the directory, without a slash.
        flags: of open(2); with ``O_TRUNC`` the file is emptied after the check.
        kind: `FIFO` or `PLAIN`.
        folder: a descriptor of the directory; None for the current one.
        mode: of a new file, before the umask.

    Raises:
        UnsafeFileError: it is of another kind, or another user may have put it there.
        OSError: it cannot be opened; ELOOP for a link.
    """
    flags |= _ALWAYS
    for _ in range(_TRIES):
        try:
            held = os.open(name, _LOOK, dir_fd=folder)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
        else:
            try:
                demand(os.fstat(held), kind, folder)
                return _open_held(held, name, flags, folder)
            finally:
                os.close(held)
        try:
            return os.open(name, flags | os.O_EXCL, mode, dir_fd=folder)
        except FileExistsError:
            pass  # somebody else has just made it
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


def demand(found: os.stat_result, kind: int, folder: int | bytes | None = None) -> None:
    """Check a file that was found in a directory; a directory is left to the system's own errors.

    Args:
        found: the `os.lstat` result of the file.
        kind: `FIFO` or `PLAIN`.
        folder: the directory, as for `os.stat`; None for the current one.

    Raises:
        UnsafeFileError: it is of another kind, or another user may have put it there.
        OSError: ELOOP for a link; the directory cannot be looked at.
    """
    if S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if S_ISDIR(found.st_mode):
        return
    if found.st_mode & _KIND != kind:
        raise UnsafeFileError(_WORDS[kind])
    directory = os.stat(b"." if folder is None else folder)
    if _is_private(directory):
        return
    if found.st_nlink > 1:
        raise UnsafeFileError(b"has another name, in a directory of another user")
    # A fifo may have been given to another user, to control us; what it says is not trusted further.
    if kind == PLAIN and not _is_ours(found) and found.st_uid != directory.st_uid:
        raise UnsafeFileError(b"belongs to another user than its directory")


def _open_held(held: int, name: bytes, flags: int, folder: int | None) -> int:
    """Open the file that was looked at, even if its name leads elsewhere by now."""
    again = flags & ~_NOT_AGAIN
    try:
        number = os.open(b"/proc/self/fd/%d" % held, again)
    except FileNotFoundError:  # there is no /proc here
        number = os.open(name, again | os.O_NOFOLLOW, dir_fd=folder)
    try:
        found, wanted = os.fstat(number), os.fstat(held)
        if (found.st_dev, found.st_ino) != (wanted.st_dev, wanted.st_ino):
            raise UnsafeFileError(b"was replaced meanwhile")
        if flags & os.O_TRUNC:
            os.ftruncate(number, 0)
    except OSError:
        os.close(number)
        raise
    return number


def open_own(name: bytes, folder: int) -> int:
    """Open a file to read it; return -1 if another user, root too, may have made or replaced it.

    Args:
        name: in the directory.
        folder: a descriptor of the directory.

    Raises:
        OSError: it cannot be opened; ELOOP for a link.
    """
    fd = os.open(name, _READ, dir_fd=folder)
    if _is_own(folder) and _is_own(fd):
        return fd
    os.close(fd)
    return -1


def _is_own(fd: int) -> bool:
    found = os.fstat(fd)
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_MAY_WRITE


def open_inside(name: bytes, flags: int, mode: int, folder: int | None = None) -> int:
    """Open a file as open(2) does; in a directory that is not private, as `open_file` does.

    Raises:
        UnsafeFileError: another user may have put it there.
        OSError: it cannot be opened.
    """
    if is_private(b"." if folder is None else folder):
        return os.open(name, flags, mode, dir_fd=folder)
    return open_file(name, flags, PLAIN, folder, mode)


def set_mode(name: bytes, mode: int) -> None:
    """Set the mode of a file in the current directory, which is opened as `open_inside` does.

    Raises:
        UnsafeFileError: another user may have put it there.
        OSError: the mode cannot be set.
    """
    if is_private():
        os.chmod(name, mode)
        return
    number = open_file(name, os.O_RDONLY, PLAIN)
    try:
        os.fchmod(number, mode)
    finally:
        os.close(number)


def open_named(path: bytes, flags: int, mode: int = 0o600) -> int:
    """Open a file by its path, with the checks of `open_inside` in its directory.

    Raises:
        UnsafeFileError: another user may have put it there.
        OSError: it cannot be opened.
    """
    where, last = _split(path)
    if last in (b"", b".", b"..") or path.endswith(b"/"):
        return os.open(path, flags, mode)
    folder = os.open(where, _ENTER)
    try:
        return open_inside(last, flags, mode, folder)
    finally:
        os.close(folder)
