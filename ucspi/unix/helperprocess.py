"""A helper: a child process that does for us what may hang, and is killed when it does.

It is a fork of ourselves, so it needs no file that may be gone by now, nor a
privilege.  It keeps none of our descriptors but its end of a channel, hears no
signal, and ends when we do: our end of the channel is closed then.
"""

import _socket
import os
from _signal import SIGKILL, pidfd_send_signal, set_wakeup_fd

from ucspi.unix.signals import hold, release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    Work = Callable[[_socket.socket], object]


class Helper:
    """A running helper.

    Attributes:
        channel: our end of a pair of sockets that keep messages apart; it does not block.
    """

    __slots__ = ("_pid", "_process", "channel")

    def __init__(self, work: "Work") -> None:
        """Start one.

        Args:
            work: called there with its end of the channel, which blocks; then the helper ends.

        Raises:
            OSError: there is no new process, or no descriptor.
        """
        self.channel, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        try:
            self.channel.setblocking(False)
            self._pid = _start(work, theirs)
        except BaseException:
            self.channel.close()
            raise
        finally:
            theirs.close()
        try:
            # Means no other process, even when that one was reaped and its pid is another's.
            self._process = os.pidfd_open(self._pid)
        except OSError:
            self._process = -1

    def close(self) -> None:
        """Kill it, if it has not ended; whoever reaps our children reaps it too."""
        try:
            self.channel.shutdown(_socket.SHUT_RDWR)  # which ends it, if only a part of it hangs
            if self._process >= 0:
                pidfd_send_signal(self._process, SIGKILL)
        except OSError:
            pass  # it has ended
        if self._process >= 0:
            os.close(self._process)
        self.channel.close()

    def reap(self) -> None:
        """Kill it and wait for its end, where nobody else reaps our children."""
        os.kill(self._pid, SIGKILL)
        os.waitpid(self._pid, 0)
        self.close()


def _start(work: "Work", channel: _socket.socket) -> int:
    """Fork; return the pid."""
    before = hold()  # in the helper for good
    try:
        pid = os.fork()
        if pid == 0:
            _become(work, channel)
        return pid
    finally:
        release(before)


def _become(work: "Work", channel: _socket.socket) -> "NoReturn":
    try:
        set_wakeup_fd(-1)  # the pipe is the parent's
        work(_keep_alone(channel))
    except BaseException:
        pass  # nobody would read it: the channel's end is what is noticed
    finally:
        os._exit(0)  # never back into the caller's frames


def _keep_alone(channel: _socket.socket) -> _socket.socket:
    """Close every other descriptor; put the null device, or nothing, on 0, 1 and 2."""
    os.dup2(channel.fileno(), 3, inheritable=False)
    if channel.fileno() != 3:
        channel.detach()
        channel = _socket.socket(fileno=3)
    os.closerange(4, _highest() + 1)
    os.closerange(0, 3)
    try:
        null = os.open(b"/dev/null", os.O_RDWR)  # the lowest free number, which is 0
        os.dup2(null, 1)
        os.dup2(null, 2)
    except OSError:
        pass
    return channel


def _highest() -> int:
    """Return the highest descriptor that is open, or may be."""
    try:
        return max(int(number) for number in os.listdir(b"/proc/self/fd"))
    except OSError:
        return os.sysconf("SC_OPEN_MAX")
