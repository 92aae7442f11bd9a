"""The loop of multilog: read and distribute until the input ends, or until SIGTERM.

SIGTERM and SIGALRM are blocked except while waiting for input, so they interrupt
nothing else.  A signal also makes a descriptor readable on which the loop waits,
so none is missed, whenever it arrives.
"""

import os
import select
from _signal import SIG_BLOCK, SIG_UNBLOCK, SIGALRM, SIGTERM, pthread_sigmask

from ucspi.logs.fileend import MARGIN, STEP
from ucspi.logs.lastlinefile import LastLineFile
from ucspi.logs.logdir import LogDirectory
from ucspi.logs.retry import try_once
from ucspi.logs.switchingdistributor import SwitchingDistributor
from ucspi.unix import fds
from ucspi.unix.signals import Wakeup, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ucspi.logs.retry import Retry
    from ucspi.logs.script import Script

BLOCK: "Final" = 65536  # bytes: what a pipe holds

# Bytes that are read at once when a file is about to end: while a processor
# runs they wait in memory, and are lost if we are killed.
LITTLE: "Final" = STEP

_LONGEST = 2**31 - 1  # milliseconds: more, poll does not take

_SHARES = (100, 75, 60)  # percent of a file that is not the time, with so many times before each line

_CAUGHT = (SIGTERM, SIGALRM)


class OpenOutputs:
    """All directories and files of a script, open."""

    __slots__ = ("echo", "last_line_writers", "logs")

    def __init__(
        self,
        script: "Script",
        retry: "Retry",
        complain: "Callable[[bytes, OSError], object]",
        echo: "Callable[[bytes], object]",
    ) -> None:
        """Open all files, then all directories; relative paths count from the current directory.

        Raises:
            LogError: one cannot be opened; the directories opened before it are left as after a crash.
        """
        self.echo = echo
        here = try_once(b"unable to switch to current directory", os.open, b".", os.O_RDONLY | os.O_CLOEXEC)
        self.last_line_writers = [LastLineFile(path, retry).replace for path in script.last_line_paths]
        self.logs: list[LogDirectory] = []
        for destination in script.logs:
            try_once(b"unable to switch to starting directory", os.fchdir, here)
            self.logs.append(LogDirectory(destination, retry, complain))
        fds.close(here)

    def close(self) -> None:
        """Close the logs and mark their files as whole."""
        for log in self.logs:
            log.close()


class InputWait:
    """Waits for input, or for SIGTERM or SIGALRM, which are caught as soon as this is made."""

    __slots__ = ("_poll", "_source", "_wakeup")

    def __init__(self, source: int) -> None:
        """Catch the signals; ``source`` is the descriptor of the input."""
        pthread_sigmask(SIG_BLOCK, _CAUGHT)
        self._wakeup, self._source = Wakeup(), source
        for number in _CAUGHT:
            note(number)
        self._poll = select.poll()
        for descriptor in (source, self._wakeup.fileno()):
            self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float | None = None) -> tuple[bool, bytes]:
        """Wait, at most ``seconds``.

        Returns:
            Whether there is input, and the signals that arrived, a byte for each.
        """
        limit = None if seconds is None else min(int(seconds * 1000) + 1, _LONGEST)
        pthread_sigmask(SIG_UNBLOCK, _CAUGHT)
        ready = [number for number, _ in self._poll.poll(limit)]
        pthread_sigmask(SIG_BLOCK, _CAUGHT)
        came = self._wakeup.clear() if self._wakeup.fileno() in ready else b""
        return self._source in ready, came


class Logger:
    """Distributes what it reads from a descriptor, until the end or until SIGTERM."""

    __slots__ = (
        "_aging",
        "_distributor",
        "_ends",
        "_input_wait",
        "_is_stopping",
        "_logs",
        "_share",
        "_source",
    )

    def __init__(self, script: "Script", outputs: OpenOutputs, input_wait: InputWait, source: int) -> None:
        """Read from the descriptor ``source``, the one that ``input_wait`` waits for."""
        self._source, self._input_wait = source, input_wait
        self._logs, self._share = outputs.logs, _SHARES[script.is_labelled + script.has_local_time]
        self._ends = [destination.size - MARGIN for destination in script.logs]
        self._distributor = SwitchingDistributor(script, outputs)
        self._aging = [index for index, destination in enumerate(script.logs) if destination.age]
        self._is_stopping = False

    def run(self) -> None:
        """Distribute the stream; on return every line is in its log.

        After SIGTERM we read to the end of the current line, byte by byte, and
        leave the rest in the pipe for the next reader.
        """
        while self._distributor.is_inside or not self._is_stopping:
            is_readable, signals = self._input_wait.wait(self._end_old())
            if signals:
                self._obey(signals)
            elif is_readable and not self._read():
                break
        if self._distributor.is_inside:
            self._distributor.feed(b"\n")

    def _obey(self, signals: bytes) -> None:
        self._is_stopping = self._is_stopping or SIGTERM in signals
        if SIGALRM in signals:
            for index, log in enumerate(self._logs):
                if log.size:
                    self._rotate(index)

    def _rotate(self, index: int) -> None:
        self._logs[index].rotate()
        self._distributor.log_was_rotated(index)

    def _end_old(self) -> float | None:
        """End the files that are old enough; return the seconds until the next will be, None without one."""
        soonest = None
        for index in self._aging:
            left = self._logs[index].seconds_left()
            if left == 0:
                self._rotate(index)
            elif left is not None:
                soonest = left if soonest is None else min(soonest, left)
        return soonest

    def _read(self) -> bool:
        """Read once; return whether there may be more."""
        try:
            data = os.read(self._source, 1 if self._is_stopping else self._room())
        except BlockingIOError:
            return True
        except OSError:
            return False  # the original takes it for the end
        self._distributor.feed(data)
        return bool(data)

    def _room(self) -> int:
        """Return how many bytes to read: whole steps, and about what still fits into every file.

        A label or the local time makes an ordinary line longer by a quarter.
        """
        room = BLOCK
        for end, log in zip(self._ends, self._logs, strict=True):
            room = min(room, (end - log.size) * self._share // 100)
        return max(room - room % STEP, LITTLE)
