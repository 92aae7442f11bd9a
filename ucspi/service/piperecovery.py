"""The pipe of a service that runs already, taken back from those who hold it.

A scanner that was killed leaves services and loggers running, each with its
end of a pipe whose other descriptors died with the scanner.  A new pipe would
part them: the service, restarted, would fill the new one while its logger
waits at the old one.  So the next scanner looks which process the logger is
(`ucspi.service.birthrecord`), and opens both ends of what that one has as input.

When the logger is gone, the service still holds the pipe and what is in it.
Its output may as well lead elsewhere, but then somebody reads there: a pipe
that nobody reads can only be the one that lost its logger.  That is looked at
first: what a logger reads from another pipe will end, and not be lost.

When neither runs at the moment, a ``supervise`` that has outlived its scanner
may rest before it starts one of them.  It has the same descriptors, and is
found as the holder of its lock, whether it is ours or the original.

All this rests on files in ``supervise``, and counts only where nobody but we
can have made them: who has got that directory, to control one service, must
not be handed another's pipe by a link to another's files.
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

_END = os.O_NONBLOCK | os.O_CLOEXEC  # opening must not wait for the other end


def recover(name: bytes) -> LoggerPipe | None:
    """Return the pipe between a service and its logger, if one of them runs and it can be found.

    Args:
        name: the directory of the service.

    Raises:
        OSError: we have not the means to find out: descriptors, memory.
    """
    log = name + b"/log"
    return (
        _from(name, _of_service)
        or _from(log, _of_logger)
        or _from_supervisor(log, _of_logger)
        or _from_supervisor(name, _of_service)
    )


def _from(name: bytes, take: "Callable[[int], LoggerPipe | None]") -> LoggerPipe | None:
    """Return what the process has that a supervisor left running in a directory, or None."""
    found = find_running(name)
    if found is None:
        return None
    pid, process = found
    try:
        pipe = _try(take, pid)
        if pipe is not None and birthrecord.has_ended(process):
            pipe.close()  # the pid may have been another's already
            return None
        return pipe
    finally:
        os.close(process)


def find_running(name: bytes) -> tuple[int, int] | None:
    """Return pid and process descriptor of what runs by the birth in a directory, or None.

    Raises:
        OSError: we have not the means to find out: descriptors, memory.
    """
    try:
        directory = ServiceDirectory(name, lambda text: None)
        try:
            return directory.find_running()
        finally:
            directory.close()
    except OSError as error:
        _demand_means(error.errno)
        return None  # nobody ever supervised it


def _demand_means(number: int | None) -> None:
    """Raise an error that does not say that there is nothing: another pipe would part who runs."""
    if number in EXHAUSTED:
        raise OSError(number, os.strerror(number))


def _try(take: "Callable[[int], LoggerPipe | None]", pid: int) -> LoggerPipe | None:
    try:
        return take(pid)
    except OSError as error:
        _demand_means(error.errno)
        return None


def _from_supervisor(name: bytes, take: "Callable[[int], LoggerPipe | None]") -> LoggerPipe | None:
    """Return what the process has that supervises a directory, or None."""
    lock = _open_lock(name)
    if lock < 0:
        return None
    try:
        pid = procfiles.find_lock_holder(lock)
        if pid is None or not is_supervise(pid):
            return None
        pipe = _try(take, pid)
        if pipe is not None and procfiles.find_lock_holder(lock) != pid:
            pipe.close()  # as above
            return None
        return pipe
    finally:
        os.close(lock)


def find_supervise(name: bytes) -> int | None:
    """Return the pid of the ``supervise`` of ours that has the lock of a directory, or None.

    Raises:
        OSError: we have not the means to find out: descriptors, memory.
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
    """Return a descriptor of the lock in a directory that is supervised; -1 for none, or none of ours."""
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
    """Say whether a process is a ``supervise`` of ours: a scanner that hosts has other descriptors."""
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
    """Say whether anybody has the reading end of a pipe."""
    writer = os.open(path, os.O_WRONLY | _END)
    try:
        poller = select.poll()
        poller.register(writer, 0)
        return not poller.poll(0)  # an error is all that can be reported
    finally:
        os.close(writer)


def _reopen(path: bytes) -> LoggerPipe | None:
    """Open both ends of the pipe that a process has; None if it has something else there."""
    if not os.readlink(path).startswith(b"pipe:"):
        return None
    reader = os.open(path, os.O_RDONLY | _END)
    try:
        writer = os.open(path, os.O_WRONLY | _END)
    except OSError:
        os.close(reader)
        raise
    for end in (reader, writer):
        os.set_blocking(end, True)  # what is started shares this with us
    return LoggerPipe(reader, writer)
