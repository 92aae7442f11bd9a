"""A helper: a child process that does what may hang, and is killed if it does.

It is a fork of this process, so it needs no files, which may be gone by now, and
no privileges.  It keeps no descriptor of ours but its end of a channel, and gets
no signal.  It ends when we do, for then our end of the channel is closed.
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
        channel: our end of a pair of non-blocking sockets that preserve message boundaries.
    """

    __slots__ = ("_pid", "_process", "channel")

    def __init__(self, work: "Work") -> None:
        """Start one.

        Args:
            work: called in the helper with its end of the channel, which blocks.  When it
                returns, the helper ends.

        Raises:
            OSError: no process can be made, or no descriptor is left.
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
            # It never means another process, even after the helper was reaped and its pid given to another.
            self._process = os.pidfd_open(self._pid)
        except OSError:
            self._process = -1

    def close(self) -> None:
        """Kill the helper if it has not ended; it is reaped with our other children."""
        try:
            self.channel.shutdown(_socket.SHUT_RDWR)  # this ends the helper if only one of its threads hangs
            if self._process >= 0:
                pidfd_send_signal(self._process, SIGKILL)
        except OSError:
            pass  # it has ended
        if self._process >= 0:
            os.close(self._process)
        self.channel.close()

    def detach(self) -> "_socket.socket":
        """Return our end of the channel; the helper lives on, and nobody can kill it through this object."""
        if self._process >= 0:
            os.close(self._process)
            self._process = -1
        return self.channel

    def reap(self) -> None:
        """Kill the helper and reap it, in a process that does not reap its children otherwise."""
        os.kill(self._pid, SIGKILL)
        os.waitpid(self._pid, 0)
        self.close()


def _start(work: "Work", channel: _socket.socket) -> int:
    """Fork; return the pid."""
    before = hold()  # the helper keeps them blocked
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
        pass  # nobody would read a message; the parent notices the end of the channel
    finally:
        os._exit(0)  # never back into the caller's frames


def _keep_alone(channel: _socket.socket) -> _socket.socket:
    """Close every other descriptor; 0, 1 and 2 become ``/dev/null`` if that can be opened."""
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
    """Return the highest descriptor that may be open."""
    try:
        return max(int(number) for number in os.listdir(b"/proc/self/fd"))
    except OSError:
        return os.sysconf("SC_OPEN_MAX")
