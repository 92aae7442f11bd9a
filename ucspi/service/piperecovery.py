"""Recovering the pipe of a service that runs already, from the processes that hold it.

A killed scanner leaves services and loggers running.  Each holds its end of a
pipe; the scanner's own descriptors are gone.  A new pipe would part the two: a
restarted service would fill the new pipe while its logger waits at the old one.
So the next scanner finds out which process the logger is
(`ucspi.service.birthrecord`), and opens both ends of the pipe that this process
has as its input.

If the logger is gone, the service still holds the pipe and what is in it.  The
output of a service may also lead elsewhere, but then somebody reads there.  A
pipe that nobody reads can only be the one that lost its logger.  This is checked
first, for bytes in such a pipe would be lost.  What a logger reads from another
pipe comes to an end, and is not lost.

If neither runs at the moment, a ``supervise`` that has outlived its scanner may
be resting before it starts one of them.  It has the same descriptors.  It is
found as the holder of its lock, whether it is ours or the original.

All this rests on files in ``supervise``.  They count only if nobody but our own
user can have made them: a user who was given that directory, to control one
service, must not get the pipe of another service by a link to its files.
"""

import os
import select

from ucspi.service import birthrecord, controlfiles
from ucspi.service.loggerpipe import LoggerPipe
from ucspi.service.servicedir import LOCK, ServiceDirectory
from ucspi.unix import procfiles, safeopen
from ucspi.unix.fds import EXHAUSTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_END = os.O_NONBLOCK | os.O_CLOEXEC  # open must not wait for the other end


def recover(name: bytes) -> LoggerPipe | None:
    """Return the pipe between a service and its logger; None if it cannot be found.

    Args:
        name: the directory of the service.

    Raises:
        OSError: we lack the means to find out: descriptors, memory.
    """
    log = name + b"/log"
    return (
        _from(name, _of_service)
        or _from(log, _of_logger)
        or _from_supervisor(log, _of_logger)
        or _from_supervisor(name, _of_service)
    )


def _from(name: bytes, take: "Callable[[int], LoggerPipe | None]") -> LoggerPipe | None:
    """Return the pipe of the process that a supervisor left running in a directory, or None."""
    found = find_running(name)
    if found is None:
        return None
    pid, process = found
    try:
        pipe = _try(take, pid)
        if pipe is not None and birthrecord.has_ended(process):
            pipe.close()  # by then the pid may have passed to another process
            return None
        return pipe
    finally:
        os.close(process)


def find_running(name: bytes) -> tuple[int, int] | None:
    """Return pid and process descriptor of the process that the birth record in a directory names, or None.

    Raises:
        OSError: we lack the means to find out: descriptors, memory.
    """
    try:
        directory = ServiceDirectory(name, lambda text: None)
        try:
            return directory.find_running() or directory.find_finishing()
        finally:
            directory.close()
    except OSError as error:
        _demand_means(error.errno)
        return None  # nobody ever supervised it


def _demand_means(number: int | None) -> None:
    """Raise an error that only says that we lack the means; a new pipe would part service and logger."""
    if number in EXHAUSTED:
        raise OSError(number, os.strerror(number))


def _try(take: "Callable[[int], LoggerPipe | None]", pid: int) -> LoggerPipe | None:
    try:
        return take(pid)
    except OSError as error:
        _demand_means(error.errno)
        return None


def _from_supervisor(name: bytes, take: "Callable[[int], LoggerPipe | None]") -> LoggerPipe | None:
    """Return the pipe of the process that supervises a directory, or None."""
    lock = _open_lock(name)
    if lock < 0:
        return None
    try:
        pid = procfiles.find_lock_holder(lock)
        if pid is None or not is_supervise(pid):
            return None
        pipe = _try(take, pid)
        if pipe is not None and procfiles.find_lock_holder(lock) != pid:
            pipe.close()  # another process may have the pid by now
            return None
        return pipe
    finally:
        os.close(lock)


def find_supervise(name: bytes) -> int | None:
    """Return the pid of the ``supervise`` of our user that holds the lock of a directory, or None.

    Raises:
        OSError: we lack the means to find out: descriptors, memory.
    """
    lock = _open_lock(name)
    if lock < 0:
        return None
    try:
        pid = procfiles.find_lock_holder(lock)
        return pid if pid is not None and is_supervise(pid) else None
    finally:
        os.close(lock)


def _open_lock(name: bytes) -> int:
    """Return a descriptor of the lock of a supervised directory; -1 if there is none that is ours."""
    try:
        directory = ServiceDirectory(name, lambda text: None)
        try:
            directory.enter_state()
            return (
                safeopen.open_own(LOCK, directory.state) if controlfiles.is_supervised(directory.fd) else -1
            )
        finally:
            directory.close()
    except OSError as error:
        _demand_means(error.errno)
        return -1


def is_supervise(pid: int) -> bool:
    """Return whether a process is a ``supervise`` of our user, not an svscan that hosts supervisors."""
    try:
        if os.stat(b"/proc/%d" % pid).st_uid != os.geteuid():
            return False
        words = procfiles.read(b"/proc/%d/cmdline" % pid).split(
            b"\0"
        )  # the directory and the end are the last two
    except OSError as error:
        _demand_means(error.errno)
        return False
    return len(words) > 2 and os.path.basename(words[-3]) == b"supervise"


def _of_logger(pid: int) -> LoggerPipe | None:
    return _reopen(b"/proc/%d/fd/0" % pid)


def _of_service(pid: int) -> LoggerPipe | None:
    path = b"/proc/%d/fd/1" % pid
    if not os.readlink(path).startswith(b"pipe:") or _is_read(path):
        return None
    return _reopen(path)


def _is_read(path: bytes) -> bool:
    """Return whether anybody has the reading end of a pipe open."""
    writer = os.open(path, os.O_WRONLY | _END)
    try:
        poller = select.poll()
        poller.register(writer, 0)
        return not poller.poll(0)  # with no events asked for, poll reports errors only
    finally:
        os.close(writer)


def _reopen(path: bytes) -> LoggerPipe | None:
    """Open both ends of the pipe at a path in ``/proc``; None if it is not a pipe."""
    if not os.readlink(path).startswith(b"pipe:"):
        return None
    reader = os.open(path, os.O_RDONLY | _END)
    try:
        writer = os.open(path, os.O_WRONLY | _END)
    except OSError:
        os.close(reader)
        raise
    for end in (reader, writer):
        os.set_blocking(end, True)  # services and loggers share the flag with us
    return LoggerPipe(reader, writer)
