"""Files of ``/proc``: read whole, and what they say of a process."""

import os

_READ = os.O_RDONLY | os.O_CLOEXEC
_BLOCK = 65536
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
