"""Forwards signals to a child, reaps all other children, and waits until that child ends."""

import _signal
import os
import select

from ucspi.unix.signals import Wakeup, catch, unblock
from ucspi.unix.start import reaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PASSED_ON: "Final" = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGHUP)
SIGNALLED: "Final" = 128  # added to the number of the signal that ended the child, as a shell does


class SignalForwarder:
    """Catches signals from now on, for a child that is started later; a process has only one."""

    __slots__ = ("_caught", "_wakeup")

    def __init__(self) -> None:
        """Catch SIGTERM, and the others unless they are ignored."""
        self._wakeup, self._caught = Wakeup(), set[int]()
        for number in (_signal.SIGCHLD, *PASSED_ON):
            if number == _signal.SIGTERM or _signal.getsignal(number) != _signal.SIG_IGN:
                # The wake-up pipe may be full, so it only wakes us; the handler notes the number.
                catch(number, lambda number, frame: self._caught.add(number))
                unblock(number)

    def wait(self, pid: int) -> int:
        """Forward signals and reap all children until ``pid`` has ended; return the exit code of a shell."""
        poller = select.poll()
        poller.register(self._wakeup.fileno(), select.POLLIN)
        while True:
            poller.poll()
            self._wakeup.clear()
            for ended, status in reaped():
                if ended == pid:
                    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else SIGNALLED + os.WTERMSIG(status)
            self._pass_on(pid)

    def _pass_on(self, pid: int) -> None:
        while self._caught:
            number = self._caught.pop()
            if number != _signal.SIGCHLD:
                os.kill(pid, number)  # it has not been reaped
