"""The pipe of a service that runs already, taken back from those who hold it.

A scanner that was killed leaves services and loggers running, each with its
end of a pipe whose other descriptors died with the scanner.  A new pipe would
part them: the service, restarted, would fill the new one while its logger
waits at the old one.  So the next scanner looks which process the logger is
(`ucspi.unix.birth`), and opens both ends of what that one has as input.

When the logger is gone, the service still holds the pipe and what is in it.
Its output may as well lead elsewhere, but then somebody reads there: a pipe
that nobody reads can only be the one that lost its logger.
"""

import os
import select

from ucspi.errors import ServiceError
from ucspi.service.directory import Directory
from ucspi.service.pipe import Pipe
from ucspi.unix import birth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_END = os.O_NONBLOCK | os.O_CLOEXEC  # opening must not wait for the other end


def recover(name: bytes) -> Pipe | None:
    """Return the pipe between a service and its logger, if one of them runs and it can be found.

    Args:
        name: the directory of the service.
    """
    return _from(name + b"/log", _of_logger) or _from(name, _of_service)


def _from(name: bytes, take: "Callable[[int], Pipe | None]") -> Pipe | None:
    """Return what the process has that a supervisor left running in a directory, or None."""
    try:
        directory = Directory(name, lambda text: None)
    except ServiceError:
        return None
    try:
        found = directory.find_running()
    except OSError:
        found = None  # nobody ever supervised it
    finally:
        directory.close()
    if found is None:
        return None
    pid, process = found
    try:
        pipe = take(pid)
        if pipe is not None and birth.has_ended(process):
            pipe.close()  # the pid may have been another's already
            return None
        return pipe
    except OSError:
        return None
    finally:
        os.close(process)


def _of_logger(pid: int) -> Pipe | None:
    return _reopen(b"/proc/%d/fd/0" % pid)


def _of_service(pid: int) -> Pipe | None:
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


def _reopen(path: bytes) -> Pipe | None:
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
    return Pipe(reader, writer)
