"""The loop of multilog: read, distribute, and end when there is no more or somebody says so.

SIGTERM and SIGALRM are blocked but for the wait for input, so nothing else is
ever interrupted by them.  They are noted through a descriptor that the wait
looks at too: one that comes at whatever moment is seen by the next wait.
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

# What a pipe holds.
BLOCK: "Final" = 65536

# What is read at once when a file is about to end.  All of it would wait in
# memory, and be lost with a program that is killed, while a processor runs.
LITTLE: "Final" = STEP

_CAUGHT = (SIGTERM, SIGALRM)


class OpenOutputs:
    """Everything that a script feeds, open."""

    __slots__ = ("echo", "last_line_writers", "logs")

    def __init__(
        self,
        script: "Script",
        retry: "Retry",
        complain: "Callable[[bytes, OSError], object]",
        echo: "Callable[[bytes], object]",
    ) -> None:
        """Open all files and then all directories, each from the current directory.

        Raises:
            LogError: one cannot be opened; those before it are left as after a crash.
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
        """Close the logs, so that the next start finds them whole."""
        for log in self.logs:
            log.close()


class InputWait:
    """SIGTERM and SIGALRM, noted from the moment that this is made."""

    __slots__ = ("_poll", "_source", "_wakeup")

    def __init__(self, source: int) -> None:
        """Catch them; ``source`` is the descriptor to wait for."""
        pthread_sigmask(SIG_BLOCK, _CAUGHT)
        self._wakeup, self._source = Wakeup(), source
        for number in _CAUGHT:
            note(number)
        self._poll = select.poll()
        for descriptor in (source, self._wakeup.fileno()):
            self._poll.register(descriptor, select.POLLIN)

    def wait(self) -> tuple[bool, bytes]:
        """Wait for either; return whether there is something to read, and the signals that came."""
        pthread_sigmask(SIG_UNBLOCK, _CAUGHT)
        ready = [number for number, _ in self._poll.poll()]
        pthread_sigmask(SIG_BLOCK, _CAUGHT)
        came = self._wakeup.clear() if self._wakeup.fileno() in ready else b""
        return self._source in ready, came


class Logger:
    """Distributes what a descriptor gives until its end, or until SIGTERM."""

    __slots__ = ("_distributor", "_ends", "_is_labelled", "_is_stopping", "_logs", "_signals", "_source")

    def __init__(self, script: "Script", outputs: OpenOutputs, signals: InputWait, source: int) -> None:
        """Take the stream's descriptor, which ``signals`` waits for."""
        self._source, self._signals = source, signals
        self._logs, self._is_labelled = outputs.logs, script.is_labelled
        self._ends = [destination.size - MARGIN for destination in script.logs]
        self._distributor = SwitchingDistributor(script, outputs)
        self._is_stopping = False

    def run(self) -> None:
        """Distribute the stream; return when every line is in its log.

        At SIGTERM a line that has begun is read to its end, byte by byte: what
        follows stays where it is, for whoever reads it next.
        """
        while self._distributor.is_inside or not self._is_stopping:
            is_readable, came = self._signals.wait()
            if came:
                self._heed(came)
            elif is_readable and not self._read():
                break
        if self._distributor.is_inside:
            self._distributor.feed(b"\n")

    def _heed(self, came: bytes) -> None:
        self._is_stopping = self._is_stopping or SIGTERM in came
        if SIGALRM in came:
            for index, log in enumerate(self._logs):
                if log.size:
                    log.rotate()
                    self._distributor.log_was_rotated(index)

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
        """Return how much to read: whole steps, and no more than about what fits into every file.

        With a label a line becomes longer: an ordinary one by a quarter.
        """
        room = BLOCK
        for end, log in zip(self._ends, self._logs, strict=True):
            left = end - log.size
            room = min(room, left * 3 // 4 if self._is_labelled else left)
        return max(room - room % STEP, LITTLE)
