"""Files of ``/proc``: reading one whole, and what they say of processes and locks."""

import os

_READ = os.O_RDONLY | os.O_CLOEXEC
_BLOCK = 65536
# A process or descriptor that is gone by now, or that we may not look at.
_UNSEEN = (FileNotFoundError, ProcessLookupError, PermissionError)
_START_TIME = 19  # where the start time stands among the fields from the state on


def read(path: bytes) -> bytes:
    """Return all of a file.

    Raises:
        OSError: there is no such file, or we may not read it.
    """
    fd = os.open(path, _READ)
    try:
        return b"".join(iter(lambda: os.read(fd, _BLOCK), b""))
    finally:
        os.close(fd)


def stat_fields(pid: bytes) -> list[bytes]:
    """Return the fields of a process's ``stat`` from the state on, which follows the name in parentheses.

    Args:
        pid: in decimal, or ``self``.

    Raises:
        OSError: there is no such process.
    """
    text = read(b"/proc/%s/stat" % pid)
    return text[text.rindex(b")") + 1 :].split()  # the name may have blanks and parentheses


def start_time(pid: bytes) -> bytes:
    """Return when a process started, in the kernel's ticks since the boot.

    Raises:
        OSError: there is no such process.
    """
    return stat_fields(pid)[_START_TIME]


def mount_of(number: int) -> int:
    """Return the number of the mount that the file of a descriptor is on; -1 if that is not known."""
    for line in _read_lines(b"/proc/self/fdinfo/%d" % number):
        if line.startswith(b"mnt_id:"):
            return int(line[7:])
    return -1


def find_lock_holder(number: int) -> int | None:
    """Return the pid of the process that has locked a file with flock; None if that is not known.

    Args:
        number: a descriptor of the file, opened in any way.

    Raises:
        OSError: we lack the means to find out: descriptors, memory.
    """
    found = os.fstat(number)
    this = b"%02x:%02x:%d" % (os.major(found.st_dev), os.minor(found.st_dev), found.st_ino)
    others: list[tuple[bool, int]] = []
    for line in _read_lines(b"/proc/locks"):
        words = (
            line.split()
        )  # NUMBER: FLOCK ADVISORY WRITE PID FILE FIRST LAST; an arrow marks those that wait
        if words[1] == b"FLOCK" and int(words[4]) > 0:
            if words[5] == this:
                return int(words[4])
            others.append((not words[5].endswith(b":%d" % found.st_ino), int(words[4])))
    # On btrfs, overlayfs and the like the kernel names another device there than `stat`, or another inode.
    for _, pid in sorted(set(others)):
        if _has_locked(pid, found):
            return pid
    return None


def _has_locked(pid: int, found: os.stat_result) -> bool:
    """Return whether a process has a file open, and a lock on that very descriptor."""
    folder = b"/proc/%d/fd" % pid
    try:
        numbers = os.listdir(folder)
    except _UNSEEN:
        return False
    for number in numbers:
        try:
            if os.path.samestat(os.stat(folder + b"/" + number), found) and any(
                line.startswith(b"lock:") and b"FLOCK" in line
                for line in _read_lines(b"/proc/%d/fdinfo/%s" % (pid, number))
            ):
                return True
        except _UNSEEN:
            continue
    return False


def _read_lines(path: bytes) -> list[bytes]:
    """Return the lines of a file of the kernel's; none when it is gone, or we may not read it."""
    try:
        return read(path).splitlines()
    except _UNSEEN:
        return []
