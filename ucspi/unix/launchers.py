"""Which files are commands of this very installation: copies of the launcher that started us.

What a file is called says nothing.  A copy of the launcher is a command of ours,
for it finds its interpreter and its package from the directory that it lies in
(``cdbext/launcher``).  So a file is one that has our launcher's bytes, but for the
name and the module that were written into it, and lies in our launcher's directory.
"""

import errno
import os
from _struct import unpack_from
from stat import S_ISGID, S_ISREG, S_ISUID

from ucspi.unix import inheritedstate
from ucspi.unix.cachedstat import FORM, size_in
from ucspi.unix.chain import Seen, confirm

_BAKED = 96  # bytes for name and module, as in the launcher's source
_SIZE_MAX = 1 << 20  # bytes of a launcher, which has some thousand
_MODE = 4  # field of a glimpse


class Launchers:
    """Recognises the commands of this installation."""

    __slots__ = ("_at", "_directory", "_text")

    def __init__(self, text: bytes, at: int, directory: bytes) -> None:
        """Take our own launcher, where name and module stand in it, and its directory."""
        self._text, self._at, self._directory = text, at, directory

    def command_in(self, seen: Seen) -> tuple[bytes, bytes] | None:
        """Return name and module of the command that a file is when we execute it; None if it is none.

        Raises:
            TooNewError: it may be one, but has changed just now.
        """
        if seen.error or not self._may_be_one(seen.glimpse):
            return None
        try:
            if not os.access(seen.path, os.X_OK, effective_ids=True):
                return None
            descriptor = os.open(seen.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if not confirm(descriptor, seen) or _has_capabilities(descriptor):
                return None
            text, directory = _contents(descriptor)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return self._baked(text) if directory == self._directory else None

    def _may_be_one(self, glimpse: bytes) -> bool:
        mode = unpack_from(FORM, glimpse)[_MODE]
        return S_ISREG(mode) and not mode & (S_ISUID | S_ISGID) and size_in(glimpse) == len(self._text)

    def _baked(self, text: bytes) -> tuple[bytes, bytes] | None:
        end = self._at + _BAKED
        if text[: self._at] != self._text[: self._at] or text[end:] != self._text[end:]:
            return None
        name, module, *rest = text[self._at : end].split(b"\0")
        return None if any(rest) else (name, module)


def own(name: bytes, module: bytes) -> Launchers | None:
    """Return what recognises commands, by the launcher that started us as this command; None without one."""
    try:
        descriptor = os.open(inheritedstate.command, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text, directory = _contents(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    baked = b"%s\0%s\0" % (name, module)
    if text[:4] != b"\x7fELF" or text.count(baked) != 1 or not directory.startswith(b"/"):
        return None
    return Launchers(text, text.index(baked), directory)


def _contents(descriptor: int) -> tuple[bytes, bytes]:
    """Return the bytes of a regular file, and the directory in which it really lies."""
    status = os.fstat(descriptor)
    if not S_ISREG(status.st_mode) or status.st_size > _SIZE_MAX:
        return b"", b""
    path = os.readlink(b"/proc/thread-self/fd/%d" % descriptor)
    return os.pread(descriptor, _SIZE_MAX, 0), path.rpartition(b"/")[0]


def _has_capabilities(descriptor: int) -> bool:
    try:
        os.getxattr(descriptor, "security.capability")
    except OSError as error:
        return error.errno not in (errno.ENODATA, errno.EOPNOTSUPP)
    return True
