"""Look-ups of names in the system resolver, in parallel, each with a deadline.

A call of the resolver has no time limit and cannot be stopped.  So a helper
process makes the calls (`ucspi.tcp.resolver`): it can be killed, it has its own
memory, and if it crashes we do not.  A question without an answer at its
deadline is written off, and another may be asked in its place.  When as many
questions hang as may be asked at once, a new helper replaces the old one.  The
old helper is killed when its other questions are answered or written off.  That
is before the new helper can need a replacement.  So there are at most two
helpers, each with at most twice as many threads as questions may be asked at
once.
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

TRIES = 2  # a question fails after so many helpers died while it was open
AT_ONCE = 64  # answers of one helper that are taken in one turn


class _Lookup:
    __slots__ = ("alarm", "deliver", "fail", "helper", "message", "number", "tries")

    def __init__(self, number: int, message: bytes, deliver: "Deliver", fail: "Fail") -> None:
        self.number, self.message, self.deliver, self.fail = number, message, deliver, fail
        self.alarm: Alarm | None = None
        self.helper: _NameHelper | None = None  # None before the question is sent
        self.tries = 0


class _NameHelper:
    """A helper process, and the questions that it was sent."""

    __slots__ = ("hanging", "pending", "process")

    def __init__(self, process: Helper) -> None:
        self.process = process
        self.pending: dict[int, _Lookup] = {}
        self.hanging: set[int] = set()  # written off, and not answered since


class NameLookups:
    """Looks up names; the answers arrive in turns of the background."""

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
        """Start no helper yet.

        Args:
            limit: most questions asked at once; more of them wait.
            background: watches the helpers and the deadlines.
            prepare: called in each helper at its start.
            reap: whether to reap helpers; if not, the program reaps all its children.
        """
        self._limit, self._background = limit, background
        self._prepare, self._is_parent = prepare, reap
        self._current: _NameHelper | None = None
        self._retired: list[_NameHelper] = []
        self._waiting: deque[_Lookup] = deque()
        self._sequence = 0

    def look_up(self, kind: int, ip: bytes, timeout: float, deliver: "Deliver", fail: "Fail") -> None:
        """Look up the name of an address.

        Args:
            kind: `FIND`, `REVERSE` or `CHECKED` of `ucspi.tcp.resolver`.
            ip: the address.
            timeout: seconds until the question is written off.
            deliver: called with the name or None, in a later turn.
            fail: called instead when memory or the like ran out, perhaps at once.
        """
        self._sequence += 1
        deadline = time.monotonic() + timeout
        message = QUESTION.pack(self._sequence, deadline, kind) + ip
        lookup = _Lookup(self._sequence, message, deliver, fail)
        lookup.alarm = self._background.at(deadline, lambda: self._write_off(lookup))
        self._waiting.append(lookup)
        self._send_waiting()

    def _send_waiting(self) -> None:
        """Send waiting questions to the helper, as many as it may have."""
        while self._waiting:
            if self._current is None and not self._start_or_fail():
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
                    return  # its channel is full; there is room after an answer
                self._retry_questions(helper)
                continue
            self._waiting.popleft()
            lookup.helper = helper

    def _start_or_fail(self) -> bool:
        """Start a helper; if that fails, fail all waiting questions and return False."""
        try:
            helper = self._start_helper()
        except OSError as error:
            waiting, self._waiting = self._waiting, deque()
            for lookup in waiting:
                _close(lookup)
                lookup.fail(error)
            return False
        self._current = helper
        return True

    def _start_helper(self) -> _NameHelper:
        """Start a helper and watch it."""
        helper = _NameHelper(Helper(self._help))
        try:
            self._background.watch(helper.process.channel.fileno(), READABLE, lambda: self._receive(helper))
        except BaseException:
            self._close_helper(helper)
            raise
        return helper

    def _help(self, channel: "socket") -> None:
        self._prepare()
        Resolver(channel, 2 * self._limit).run()

    def _receive(self, helper: _NameHelper) -> None:
        """Take the answers that a helper has sent, or notice that it has died."""
        for _ in range(AT_ONCE):
            try:
                answer = helper.process.channel.recv(MESSAGE_MAX)
            except BlockingIOError:
                break
            except OSError:
                answer = b""
            if not answer:
                self._retry_questions(helper)
                break
            self._take_answer(helper, answer)
        self._kill_retired()
        self._send_waiting()

    def _take_answer(self, helper: _NameHelper, answer: bytes) -> None:
        number, outcome = ANSWER.unpack_from(answer)
        helper.hanging.discard(number)
        lookup = helper.pending.pop(number, None)
        if lookup is None:
            return  # it was written off
        _close(lookup)
        if outcome == NO_MEMORY:
            lookup.fail(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)))
        else:
            lookup.deliver(answer[ANSWER.size :] if outcome == KNOWN else None)

    def _write_off(self, lookup: _Lookup) -> None:
        """Deliver None for a question whose deadline has passed."""
        helper = lookup.helper
        if helper is None:
            if lookup in self._waiting:
                self._waiting.remove(lookup)
        elif helper.pending.pop(lookup.number, None) is not None:
            helper.hanging.add(lookup.number)
            if helper is self._current and len(helper.hanging) >= self._limit:
                self._retired.append(helper)
                self._current = None
            self._kill_retired()
        self._send_waiting()  # first, because the alarm rings again if memory runs out here
        lookup.deliver(None)

    def _kill_retired(self) -> None:
        """Kill retired helpers whose open questions all hang."""
        for helper in [helper for helper in self._retired if not helper.pending]:
            self._retired.remove(helper)
            self._close_helper(helper)

    def _retry_questions(self, helper: _NameHelper) -> None:
        """Ask the open questions of a dead helper again: another question may have killed it."""
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
        """End all helpers; open questions get no answer."""
        for helper in self._retired:
            self._close_helper(helper)
        self._retired.clear()
        if self._current is not None:
            self._close_helper(self._current)
            self._current = None


def _close(lookup: _Lookup) -> None:
    if lookup.alarm is not None:
        lookup.alarm.cancel()
