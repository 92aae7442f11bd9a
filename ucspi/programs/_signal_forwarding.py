"""Who stands before a program: passes signals on to it, reaps strangers, and ends as it did."""

import _signal
import os
import select

from ucspi.unix.signals import Wakeup, catch, unblock
from ucspi.unix.start import reaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PASSED_ON: "Final" = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGHUP)
SIGNALLED: "Final" = 128  # the exit code of a program that a signal ended is this and the signal's number


class SignalForwarder:
    """Catches signals from now on, for a program that is started later; one in a process."""

    __slots__ = ("_caught", "_wakeup")

    def __init__(self) -> None:
        """Catch them, but for those that are ignored: TERM always."""
        self._wakeup, self._caught = Wakeup(), set[int]()
        for number in (_signal.SIGCHLD, *PASSED_ON):
            if number == _signal.SIGTERM or _signal.getsignal(number) != _signal.SIG_IGN:
                # The wake-up pipe may be full: it wakes, and tells nothing.
                catch(number, lambda number, frame: self._caught.add(number))
                unblock(number)

    def wait(self, pid: int) -> int:
        """Pass on what comes until a child has ended; return its exit code, as a shell would."""
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
