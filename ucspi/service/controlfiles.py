"""Speaking to a supervisor, ours or an original, through the files that it holds open.

Each function takes a descriptor of the service's directory, from `enter`.  A
fifo that nobody reads cannot be opened for writing; `is_supervised` uses that.

``supervise`` may belong to another user, who then controls the service.  What
that user puts there must not direct our rights at other files.  So inside it no
link is followed, and a file of the wrong kind is not opened
(`ucspi.unix.safeopen`).

Source: order and flags as observed from svc, svok and svstat.
"""

import posix as os
from errno import ENXIO

from ucspi.unix.safeopen import FIFO, PLAIN, open_file
from ucspi.unix.safeopen import enter as enter_guarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NOT_RUNNING: "Final" = b"supervise not running"  # in messages
_ENTER: "Final" = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_WRITE: "Final" = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
_READ: "Final" = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def enter(path: bytes, parent: int | None = None) -> int:
    """Return a descriptor of a directory that we may enter, even if we may not read it.

    Raises:
        OSError: as chdir would.
    """
    return _demand_search(os.open(path, _ENTER, dir_fd=parent))


def enter_named(path: bytes) -> int:
    """Return a descriptor as `enter` does; root follows no link that another user may have made.

    Raises:
        UnsafeFileError: it is such a link.
        OSError: as chdir would.
    """
    return enter(path) if os.geteuid() else _demand_search(enter_guarded(path))


def _demand_search(fd: int) -> int:
    try:
        os.stat(b".", dir_fd=fd)
    except OSError:
        os.close(fd)
        raise
    return fd


def open_control(service: int) -> int | None:
    """Return a blocking descriptor for writing control bytes; None when no supervisor runs.

    Raises:
        UnsafeFileError: it is not a fifo, or may belong to another service.
        OSError: there is no such fifo, or we may not write to it.
    """
    try:
        fd = _open(service, b"control", _WRITE, FIFO)
    except OSError as error:
        if error.errno == ENXIO:
            return None
        raise
    os.set_blocking(fd, True)
    return fd


def open_control_both_ways(service: int) -> int:
    """Return a descriptor of the control fifo, which also shows whether the bytes in it were read.

    Raises:
        UnsafeFileError: it is not a fifo, or may belong to another service.
        OSError: there is no such fifo, or we may not read and write it.
    """
    return _open(service, b"control", os.O_RDWR, FIFO)


def is_supervised(service: int) -> bool:
    """Return whether a supervisor runs.

    Raises:
        OSError: that cannot be found out; `FileNotFoundError`: no supervisor ever ran here.
    """
    fd = open_ok(service)
    if fd is None:
        return False
    os.close(fd)
    return True


def open_ok(service: int) -> int | None:
    """Return a descriptor on which poll reports an error when the supervisor ends; None when none runs.

    Raises:
        UnsafeFileError: it is not a fifo, or may belong to another service.
        OSError: that cannot be found out; `FileNotFoundError`: no supervisor ever ran here.
    """
    try:
        return _open(service, b"ok", _WRITE, FIFO)
    except OSError as error:
        if error.errno == ENXIO:
            return None
        raise


def is_normally_up(service: int) -> bool:
    """Return whether there is no file ``down``; a dangling link does not count as one.

    Raises:
        OSError: that cannot be found out.
    """
    try:
        os.stat(b"down", dir_fd=service)
    except FileNotFoundError:
        return True
    return False


def open_status(service: int) -> int:
    """Return a descriptor to read the status from.

    Raises:
        OSError: it cannot be read.
    """
    return _open(service, b"status", _READ, PLAIN)


def enter_state(service: int) -> int:
    """Return a descriptor of its ``supervise``, through no link that another user may have made.

    Raises:
        UnsafeFileError: it is such a link.
        OSError: as chdir would.
    """
    return enter_guarded(b"supervise", service)


def _open(service: int, name: bytes, flags: int, kind: int) -> int:
    folder = enter_state(service)
    try:
        return open_file(name, flags, kind, folder)
    finally:
        os.close(folder)
