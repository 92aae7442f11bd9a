"""Questions that block, asked in parallel, each with its deadline.

The system's resolver cannot be told to give up, and a pool that joins its
threads makes an exit wait for it.  So the threads are daemons, started when
there are more questions than threads; a question whose deadline has passed
counts as unanswered, and what its thread brings later is thrown away.
"""

import _thread
import time
from _collections import deque
from _heapq import heapify, heappop, heappush
from _queue import SimpleQueue

from ucspi.unix.signals import start_deaf_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Question = Callable[[], bytes | None]
    Deliver = Callable[[bytes | None], None]

SLACK = 64  # deadlines of answered questions that are kept until their time
STACK_SIZE = 512 * 1024  # bytes; glibc's resolver wants some 100 KB


class _Lookup:
    __slots__ = ("deliver", "open", "question")

    def __init__(self, question: "Question", deliver: "Deliver") -> None:
        self.question, self.deliver, self.open = question, deliver, True


class Lookups:
    """A bounded crowd of threads that ask; one thread that is told."""

    __slots__ = (
        "_answers",
        "_deadlines",
        "_limit",
        "_open",
        "_outstanding",
        "_questions",
        "_sequence",
        "_threads",
        "_wake",
    )

    def __init__(self, limit: int, wake: "Callable[[], object]") -> None:
        """Start with no thread.

        Args:
            limit: most threads at once; further questions wait for one.
            wake: called in a thread when there is an answer to `collect`.
        """
        self._limit, self._wake = limit, wake
        self._questions: SimpleQueue[_Lookup] = SimpleQueue()
        self._answers: deque[tuple[_Lookup, bytes | None]] = deque()
        self._deadlines: list[tuple[float, int, _Lookup]] = []
        self._sequence = self._outstanding = self._threads = 0
        self._open = 0  # questions neither answered nor past their deadline

    def ask(self, question: "Question", deliver: "Deliver", timeout: float) -> None:
        """Ask in a thread; deliver the answer, or None after ``timeout`` seconds, in `collect`."""
        lookup = _Lookup(question, deliver)
        self._sequence += 1
        heappush(self._deadlines, (time.monotonic() + timeout, self._sequence, lookup))
        self._outstanding += 1
        self._open += 1
        if self._outstanding > self._threads and self._threads < self._limit:
            self._start_thread()
        self._questions.put(lookup)

    def _start_thread(self) -> None:
        before = _thread.stack_size(STACK_SIZE)
        try:
            start_deaf_thread(self._answer_questions)
            self._threads += 1
        except RuntimeError:
            # No more threads from the system: the ones there are will serve,
            # and if there are none the deadline does.
            pass
        finally:
            _thread.stack_size(before)

    def _answer_questions(self) -> None:
        while True:
            lookup = self._questions.get()
            try:
                answer = lookup.question() if lookup.open else None
            except Exception:
                # Out of memory, say.  Unanswered is what it is; the thread lives on.
                answer = None
            self._answers.append((lookup, answer))
            self._wake()

    def collect(self) -> None:
        """Deliver every answer that has come, and None for every passed deadline."""
        while self._answers:
            lookup, answer = self._answers.popleft()
            self._outstanding -= 1
            self._close(lookup, answer)
        now = time.monotonic()
        while self._deadlines and self._is_due(self._deadlines[0], now):
            self._close(heappop(self._deadlines)[2], None)
        if len(self._deadlines) > 2 * self._open + SLACK:
            # One question that hangs for long would keep all that were answered since.
            self._deadlines = [entry for entry in self._deadlines if entry[2].open]
            heapify(self._deadlines)

    @staticmethod
    def _is_due(entry: tuple[float, int, _Lookup], now: float) -> bool:
        return entry[0] <= now or not entry[2].open

    def _close(self, lookup: _Lookup, answer: bytes | None) -> None:
        if lookup.open:
            lookup.open = False
            self._open -= 1
            lookup.deliver(answer)

    def next_deadline(self) -> float | None:
        """Return when `collect` is due at the latest (monotonic seconds), None when nothing waits."""
        while self._deadlines and not self._deadlines[0][2].open:
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None
