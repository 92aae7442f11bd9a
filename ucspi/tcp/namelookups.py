"""Names, asked of the system's resolver in parallel, each question with its deadline.

The resolver can neither be told to give up nor be stopped.  So a helper asks,
which is a process of its own: it can be killed, what it takes of memory is its
own, and a crash in there is none of ours.  A question that is not answered at
its deadline is written off, and another may be asked in its place.  When as
many hang as may be asked at once, a new helper takes over; the old one is
killed once the questions of its others are answered or due, which is before
the new one can have come to the same end.  So there are never more than two,
each with twice as many threads as questions may be asked at once.
"""

import errno
import os
import time
from _collections import deque

from ucspi.tcp.background import READABLE
from ucspi.tcp.resolver import ANSWER, KNOWN, MESSAGE_MAX, NO_MEMORY, QUESTION, Resolver
from ucspi.unix.helperprocess import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable

    from ucspi.tcp.background import Alarm, Background

    Deliver = Callable[[bytes | None], object]
    Fail = Callable[[OSError], object]

TRIES = 2  # helpers that may die over a question
AT_ONCE = 64  # answers taken before others have their turn


class _Lookup:
    __slots__ = ("alarm", "deliver", "fail", "helper", "message", "number", "tries")

    def __init__(self, number: int, message: bytes, deliver: "Deliver", fail: "Fail") -> None:
        self.number, self.message, self.deliver, self.fail = number, message, deliver, fail
        self.alarm: Alarm | None = None
        self.helper: _NameHelper | None = None  # once it is on its way
        self.tries = 0


class _NameHelper:
    """A helper process, and the questions that it was sent."""

    __slots__ = ("hanging", "pending", "process")

    def __init__(self, process: Helper) -> None:
        self.process = process
        self.pending: dict[int, _Lookup] = {}
        self.hanging: set[int] = set()  # past their deadline, and hanging still


class NameLookups:
    """Asks for names; what is told comes in a turn of the background."""

    __slots__ = (
        "_background",
        "_current",
        "_is_parent",
        "_limit",
        "_prepare",
        "_retired",
        "_sequence",
        "_waiting",
    )

    def __init__(
        self,
        limit: int,
        background: "Background",
        *,
        prepare: "Callable[[], object]" = bool,
        reap: bool = False,
    ) -> None:
        """Start with no helper.

        Args:
            limit: most questions asked at once; further ones wait for an answer.
            background: where the answers come.
            prepare: called in each helper before it works.
            reap: reap it ourselves; else whoever reaps all our children does.
        """
        self._limit, self._background = limit, background
        self._prepare, self._is_parent = prepare, reap
        self._current: _NameHelper | None = None
        self._retired: list[_NameHelper] = []
        self._waiting: deque[_Lookup] = deque()
        self._sequence = 0

    def look_up(self, kind: int, ip: bytes, timeout: float, deliver: "Deliver", fail: "Fail") -> None:
        """Ask about an address.

        Args:
            kind: `FIND`, `REVERSE` or `CHECKED` of `ucspi.tcp.resolver`.
            ip: the address.
            timeout: seconds until nobody has answered.
            deliver: called with the answer, or None; not in here.
            fail: called instead when we are out of something; perhaps in here.
        """
        self._sequence += 1
        deadline = time.monotonic() + timeout
        message = QUESTION.pack(self._sequence, deadline, kind) + ip
        lookup = _Lookup(self._sequence, message, deliver, fail)
        lookup.alarm = self._background.at(deadline, lambda: self._write_off(lookup))
        self._waiting.append(lookup)
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the helper as many questions as it may have."""
        while self._waiting:
            if self._current is None and not self._start():
                return
            helper, lookup = self._current, self._waiting[0]
            assert helper is not None
            if len(helper.pending) >= self._limit:
                return
            helper.pending[lookup.number] = lookup
            try:
                helper.process.channel.send(lookup.message)
            except OSError as error:
                del helper.pending[lookup.number]
                if isinstance(error, BlockingIOError):
                    return  # it has more than it can take; there is room after an answer
                self._bury(helper)
                continue
            self._waiting.popleft()
            lookup.helper = helper

    def _start(self) -> bool:
        """Start a helper; else fail whatever waits for one."""
        try:
            helper = self._employ()
        except OSError as error:
            waiting, self._waiting = self._waiting, deque()
            for lookup in waiting:
                _close(lookup)
                lookup.fail(error)
            return False
        self._current = helper
        return True

    def _employ(self) -> _NameHelper:
        """Start a helper and watch it."""
        helper = _NameHelper(Helper(self._help))
        try:
            self._background.watch(helper.process.channel.fileno(), READABLE, lambda: self._collect(helper))
        except BaseException:
            self._close_helper(helper)
            raise
        return helper

    def _help(self, channel: "socket") -> None:
        self._prepare()
        Resolver(channel, 2 * self._limit).run()

    def _collect(self, helper: _NameHelper) -> None:
        """Take the answers that have come from a helper, or its end."""
        for _ in range(AT_ONCE):
            try:
                answer = helper.process.channel.recv(MESSAGE_MAX)
            except BlockingIOError:
                break
            except OSError:
                answer = b""
            if not answer:
                self._bury(helper)
                break
            self._take(helper, answer)
        self._let_go()
        self._hand_over()

    def _take(self, helper: _NameHelper, answer: bytes) -> None:
        number, outcome = ANSWER.unpack_from(answer)
        helper.hanging.discard(number)
        lookup = helper.pending.pop(number, None)
        if lookup is None:
            return  # too late
        _close(lookup)
        if outcome == NO_MEMORY:
            lookup.fail(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)))
        else:
            lookup.deliver(answer[ANSWER.size :] if outcome == KNOWN else None)

    def _write_off(self, lookup: _Lookup) -> None:
        """Wait for an answer no longer."""
        helper = lookup.helper
        if helper is None:
            if lookup in self._waiting:
                self._waiting.remove(lookup)
        elif helper.pending.pop(lookup.number, None) is not None:
            helper.hanging.add(lookup.number)
            if helper is self._current and len(helper.hanging) >= self._limit:
                self._retired.append(helper)
                self._current = None
            self._let_go()
        self._hand_over()  # before: what fails for want of memory is done again
        lookup.deliver(None)

    def _let_go(self) -> None:
        """Kill the helpers of which nothing is expected any more but what hangs."""
        for helper in [helper for helper in self._retired if not helper.pending]:
            self._retired.remove(helper)
            self._close_helper(helper)

    def _bury(self, helper: _NameHelper) -> None:
        """Ask once more what a helper has died over, perhaps of another client's name."""
        if helper is self._current:
            self._current = None
        else:
            self._retired.remove(helper)
        self._close_helper(helper)
        for lookup in reversed(helper.pending.values()):
            lookup.helper = None
            lookup.tries += 1
            if lookup.tries < TRIES:
                self._waiting.appendleft(lookup)
            else:
                _close(lookup)
                lookup.fail(OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))

    def _close_helper(self, helper: _NameHelper) -> None:
        self._background.forget(helper.process.channel.fileno())
        if self._is_parent:
            helper.process.reap()
        else:
            helper.process.close()

    def close(self) -> None:
        """Leave no helper behind; nothing is answered any more."""
        for helper in self._retired:
            self._close_helper(helper)
        self._retired.clear()
        if self._current is not None:
            self._close_helper(self._current)
            self._current = None


def _close(lookup: _Lookup) -> None:
    if lookup.alarm is not None:
        lookup.alarm.cancel()
