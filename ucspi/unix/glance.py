"""Looking at a file without waiting for a disk or a server.

A system call that waits for a disk or a server that has gone cannot be given
up, and the thread that made it hears no signal.  So whoever must go on looks
only at what the kernel holds in memory; the rest is work for a thread.
"""

import errno
import os
from _struct import unpack_from
from stat import S_ISLNK

from ucspi.unix import native

UNAVAILABLE = frozenset((errno.EAGAIN, errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG))
NO_DESCRIPTOR = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))
FORM = "=QQqqQQQQ"  # struct usys_glimpse
MOUNT, IS_ROOT = 6, 7  # in it
SAME = 1  # as the last one
PLACE = 40  # where device and mount begin in a glimpse

# File systems that wait for this machine's own memory and disks alone.
LOCAL = frozenset(
    b"bcachefs btrfs devtmpfs erofs exfat ext2 ext3 ext4 f2fs hfs hfsplus iso9660 jfs minix msdos nilfs2"
    b" ntfs3 overlay ramfs reiserfs rootfs squashfs tmpfs ubifs udf vfat xfs zfs".split()
)


class Glancer:
    """Glances at one path, as often as wanted."""

    __slots__ = ("_is_blind", "_is_local", "_last", "_path", "_place", "_room")

    def __init__(self, path: bytes) -> None:
        """Name the path, which is resolved anew each time."""
        self._path = path
        self._last: bytes | None = None  # what was glanced last, which is in the room
        self._place, self._is_local = b"", False  # of that
        self._room = None if native.lib is None else native.ffi.new("struct usys_glimpse *")
        self._is_blind = self._room is None

    def glance(self) -> bytes | None:
        """Return a glimpse of a file on a disk of this machine, None when it takes waiting to know.

        Two equal glimpses are of the same file in the same state.

        Raises:
            OSError: there is none, or no way to it.
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
        # The root of a mount is asked for at its server even by who only wants what is in memory.
        self._is_blind = not self._is_local and unpack_from(FORM, glimpse)[IS_ROOT] != 0

    def _follow(self) -> bool:
        """Follow a new link of this machine: a glance does not, as its time of access is to be written."""
        if native.lib.usys_glance(self._path, 0, self._room) < 0:
            return False
        *_, mode, _, mount, _ = unpack_from(FORM, native.ffi.buffer(self._room))
        if not S_ISLNK(mode) or not is_local(mount):
            return False
        os.readlink(self._path)
        return True

    def _fail(self, number: int) -> bytes | None:
        """Return what can be said without a descriptor, or raise what is wrong with the path."""
        if number in UNAVAILABLE:
            return None
        if number in NO_DESCRIPTOR:
            return self._stat() if self._is_local else None
        raise OSError(number, os.strerror(number), self._path)

    def _stat(self) -> bytes:
        """Return a glimpse by the call that takes no descriptor, but waits."""
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
    """Return what a glimpse says of a file: device, inode, size, times of change in nanoseconds."""
    inode, size, modified, changed, _, device, _, _ = unpack_from(FORM, glimpse)
    return device, inode, size, modified, changed


def size_in(glimpse: bytes) -> int:
    """Return the bytes of the file that a glimpse is of."""
    return int(unpack_from(FORM, glimpse)[1])


def is_local(mount: int) -> bool:
    """Say whether a mount, by its number, waits for this machine alone; not known is no."""
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
