"""The state of a file as the kernel has it in memory, without waiting for a disk or a server.

A system call that waits for a dead disk or file server cannot be interrupted,
and the thread that made it hears no signal.  So a loop that must go on asks
only for what the kernel has in memory, which is called a glance here.  What a
glance cannot tell is work for a thread.
"""

import errno
import os
from _struct import unpack_from
from stat import S_ISLNK

from ucspi.unix import native
from ucspi.unix.fds import EXHAUSTED

UNAVAILABLE = frozenset((errno.EAGAIN, errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG))
FORM = "=QQqqQQQQ"  # struct usys_glimpse
MOUNT, IS_ROOT = 6, 7  # fields of it
SAME = 1  # usys_glance: the file is as it was at the last glance
PLACE = 40  # byte offset of device and mount in a glimpse

# File systems that depend on memory and disks of this machine alone.
LOCAL = frozenset(
    b"bcachefs btrfs devtmpfs erofs exfat ext2 ext3 ext4 f2fs hfs hfsplus iso9660 jfs minix msdos nilfs2"
    b" ntfs3 overlay ramfs reiserfs rootfs squashfs tmpfs ubifs udf vfat xfs zfs".split()
)


class CachedStat:
    """Glances at the file of one path, as often as wanted."""

    __slots__ = ("_is_blind", "_is_local", "_last", "_path", "_place", "_room")

    def __init__(self, path: bytes) -> None:
        """Take a path, which is resolved anew at each glance."""
        self._path = path
        self._last: bytes | None = None  # the last glimpse, which is still in the room
        self._place, self._is_local = b"", False  # of the last glimpse
        self._room = None if native.lib is None else native.ffi.new("struct usys_glimpse *")
        self._is_blind = self._room is None

    def glance(self) -> bytes | None:
        """Return a glimpse of a file on a local disk; None when that would take waiting.

        Two equal glimpses are of the same file in the same state.

        Raises:
            OSError: there is no such file, or it cannot be reached.
        """
        if self._is_blind:
            return None
        result = native.lib.usys_glance(self._path, 1, self._room)
        if result == SAME:
            return self._last
        if result == -errno.EAGAIN and self._follow():
            result = native.lib.usys_glance(self._path, 1, self._room)
        if result < 0:
            return self._fail(-result)
        glimpse = bytes(native.ffi.buffer(self._room))
        if glimpse[PLACE:] != self._place:
            self._note_place(glimpse)
        self._last = glimpse if self._is_local else None
        return self._last

    def _note_place(self, glimpse: bytes) -> None:
        self._place = glimpse[PLACE:]
        self._is_local = is_local(unpack_from(FORM, glimpse)[MOUNT])
        # For the root of a network mount the kernel asks the server, even at a glance.
        self._is_blind = not self._is_local and unpack_from(FORM, glimpse)[IS_ROOT] != 0

    def _follow(self) -> bool:
        """Follow a new local link, which updates its access time: a glance fails until that is done."""
        if native.lib.usys_glance(self._path, 0, self._room) < 0:
            return False
        *_, mode, _, mount, _ = unpack_from(FORM, native.ffi.buffer(self._room))
        if not S_ISLNK(mode) or not is_local(mount):
            return False
        os.readlink(self._path)
        return True

    def _fail(self, number: int) -> bytes | None:
        """Return what can be found without a descriptor, or raise what is wrong with the path."""
        if number in UNAVAILABLE:
            return None
        if number in EXHAUSTED:
            return self._stat() if self._is_local else None
        raise OSError(number, os.strerror(number), self._path)

    def _stat(self) -> bytes:
        """Return a glimpse from `os.stat`, which needs no descriptor but may wait."""
        status, room = os.stat(self._path), self._room
        room.inode, room.size, room.mode, room.device = (  # type: ignore[union-attr]
            status.st_ino,
            status.st_size,
            status.st_mode,
            status.st_dev,
        )
        room.modified, room.changed = status.st_mtime_ns, status.st_ctime_ns  # type: ignore[union-attr]
        _, room.mount, room.is_root = unpack_from("=QQQ", self._place)  # type: ignore[union-attr]
        self._last = bytes(native.ffi.buffer(room))
        return self._last


def state_in(glimpse: bytes) -> tuple[int, ...]:
    """Return device, inode, size, mtime and ctime (in nanoseconds), as `regularfile.state_of` does."""
    inode, size, modified, changed, _, device, _, _ = unpack_from(FORM, glimpse)
    return device, inode, size, modified, changed


def size_in(glimpse: bytes) -> int:
    """Return the size of the file in bytes."""
    return int(unpack_from(FORM, glimpse)[1])


def is_local(mount: int) -> bool:
    """Return whether the mount with this number is of a local file system; False when that is not known."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        return False
    begin = b"%d " % mount
    for line in lines:
        if line.startswith(begin):
            return line.partition(b" - ")[2].split(b" ")[0] in LOCAL
    return False
