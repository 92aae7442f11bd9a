"""Publishing a file: write a temporary, force it to the disk, rename it over the target.

Whoever opens the target gets the whole old file or the whole new one, whatever
happens in between.  Each step is a method that raises plain `OSError`, so that a
program can say which step failed.

    publication = Publication(b"rules.cdb", b"rules.tmp")
    publication.create()
    publication.write(...)
    publication.seal()
    publication.rename()

Only `discard` removes the temporary: the originals leave a failed one behind, and
scripts may look at it.
"""

import errno
import posix as os
from stat import S_ISREG

from ucspi.unix.output import write_all

# The originals open a temporary so: an existing file keeps its mode, and a fifo
# without a reader is an error.  But we follow no symbolic link, and empty a file
# only once it is known to be the right one.
_FROM_THE_BEGINNING = 0  # SEEK_SET, which `posix` does not have
_REUSE = os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_EXCLUSIVE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

# When the file is to be forced to the disk, write-out starts each time so many
# bytes were written, so that the final fsync is short.
EARLY = 4 << 20
PAGE = 4096  # only full pages are written out early, or they would be written twice


class Publication:
    """One temporary file on its way to become ``target``."""

    __slots__ = ("_fd", "_flushed", "_fsync", "_position", "_unnamed", "target", "temporary")

    def __init__(self, target: bytes, temporary: bytes, *, fsync: bool = True) -> None:
        """Touch nothing yet.

        Args:
            target: what is made or replaced.
            temporary: where it is written first, on the same file system.
            fsync: `seal` forces the file to the disk.
        """
        self.target, self.temporary = target, temporary
        self._fd = -1
        self._fsync = fsync
        self._position = self._flushed = 0
        self._unnamed = False

    def create_unnamed(self, mode: int = 0o644) -> bool:
        """Open a temporary without a name, so that nothing is left of it if we are killed.

        `seal` gives it the name ``temporary``, which must be free.

        Returns:
            Whether the file system can do that; if not, nothing is open.

        Raises:
            OSError: the directory does not exist, or no file can be made in it.
        """
        folder = self.temporary[: self.temporary.rfind(b"/") + 1] or b"."
        try:
            self._fd = os.open(folder, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, mode)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                return False
            raise
        try:
            os.stat(self._magic_link())
        except OSError:  # there is no /proc, so it could never get a name
            fd, self._fd = self._fd, -1
            os.close(fd)
            return False
        self._unnamed = True
        return True

    def _magic_link(self) -> bytes:
        return b"/proc/self/fd/%d" % self._fd

    def create(self, mode: int = 0o644, *, exclusive: bool = False) -> None:
        """Open the temporary for writing, and empty it.

        Args:
            mode: permission bits of a new temporary, before the umask; an existing one keeps its own.
            exclusive: raise `FileExistsError` if the name exists, even as a symbolic link.

        Raises:
            UnsafeFileError: another user may have put it there, and it is not a regular
                file of ours, or it has another name.
            OSError: it cannot be opened; ELOOP for a symbolic link.

        Source: flags and modes as observed from cdbmake and tcprules.
        """
        if exclusive:
            self._fd = os.open(self.temporary, _EXCLUSIVE, mode)
            return
        self._fd = os.open(self.temporary, _REUSE, mode)
        try:
            self._empty(os.fstat(self._fd))
        except OSError:
            fd, self._fd = self._fd, -1
            os.close(fd)
            raise

    def _empty(self, found: os.stat_result) -> None:
        is_plain = S_ISREG(found.st_mode)
        if not is_plain or found.st_nlink > 1 or found.st_uid != os.geteuid():
            from ucspi.unix import safeopen  # rarely needed

            folder = self.temporary[: self.temporary.rfind(b"/") + 1] or b"."
            if not safeopen.is_private(folder):
                safeopen.demand(found, safeopen.PLAIN, folder)
        if is_plain:
            os.ftruncate(self._fd, 0)

    def fileno(self) -> int:
        """Return the descriptor of the temporary; -1 if it is not open."""
        return self._fd

    def seek(self, offset: int) -> None:
        """Let the next `write` begin at ``offset`` bytes; what is skipped reads as zeros."""
        os.lseek(self._fd, offset, _FROM_THE_BEGINNING)
        self._position = self._flushed = offset

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of ``data`` where the last write ended."""
        write_all(self._fd, data, waits=False)
        self._position += len(data)
        if self._position - self._flushed >= EARLY and self._fsync:
            self._flush()

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of ``data`` at ``offset`` bytes from the start of the file."""
        self.seek(offset)
        self.write(data)

    def seal(self) -> None:
        """Force the file to the disk, unless ``fsync`` was false, and close it.

        Raises:
            FileExistsError: the name for an unnamed temporary is taken.  It stays open,
                and may be sealed again with another name.
            OSError: it cannot be forced to the disk, or cannot get its name.
        """
        if self._fsync:
            os.fsync(self._fd)
        if self._unnamed:
            # The descriptor is of no use to an absolute path, but without one CPython
            # calls link(), which does not follow (3.11 to 3.13).
            os.link(self._magic_link(), self.temporary, src_dir_fd=self._fd, follow_symlinks=True)
            self._unnamed = False
        fd, self._fd = self._fd, -1
        os.close(fd)

    def rename(self) -> None:
        """Rename the temporary to the target, in one step."""
        os.rename(self.temporary, self.target)

    def discard(self) -> None:
        """Close and remove the temporary, if it exists."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
        if self._unnamed:
            return
        try:
            os.unlink(self.temporary)
        except FileNotFoundError:
            pass

    def _flush(self) -> None:
        """Have the system start writing the full pages that it has not started yet."""
        from ucspi.unix.native import lib  # small files do not need it

        end = self._position - self._position % PAGE
        if lib is not None:
            lib.usys_flush(self._fd, self._flushed, end - self._flushed)
        self._flushed = end
