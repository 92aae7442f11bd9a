"""A process that serves one connection after another, and is between two of them as it was at first.

What a function leaves in its modules stays: a connection to a database, a table that
it has read.  So descriptors that it leaves open stay too, for something may still
use them; only those of the connection itself become ``/dev/null``, lest the client wait.
What cannot be put back ends the process: threads and children that are left, another
user, files put in the place of the standard ones, another ``os.environ``, more and more
descriptors.
"""

import _signal
import _socket
import os
import sys

from ucspi.exits import EXIT_TEMPORARY
from ucspi.handler._native import stem as native
from ucspi.handler.client import Client
from ucspi.handler.serve import serve
from ucspi.handler.stempackets import Receiver
from ucspi.unix import signals, stemchannel
from ucspi.unix.output import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ucspi.handler.stemenviron import StemEnviron

_TIMERS = (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF)


class Kept:
    """A process with a channel of its own."""

    def __init__(self, channel: "_socket.socket", environ: "StemEnviron") -> None:
        """Take the channel over; note how everything is at first."""
        self._environ, self._channel = environ, channel
        received = Receiver(channel, looks=False).receive()
        self._answers = -1 if received is None else received[1]  # a pipe
        if self._answers >= 0:
            assert native is not None
            native.keep(channel.fileno(), self._answers)
        self._actions = _actions()
        self._argv, self._files, self._variables = sys.argv[:], _standard_files(), os.environ

    def serve(self, function: "Callable[..., object]", arguments: "Sequence[str]", count: int) -> None:
        """Serve so many connections, or fewer if the channel ends or something cannot be put back."""
        if self._answers < 0:
            return  # there was no number left for it; the server takes back what it has sent
        assert native is not None
        channel = self._channel.fileno()
        while count and (came := native.take(channel)):
            slot, variables, is_there = came
            count -= 1
            if is_there:
                self._environ.give(variables)
                code = serve(function, Client(self._environ.snapshot()), arguments)
            else:
                emit(b"pyhandler: fatal: connection lost: process cannot open more files\n")
                code = EXIT_TEMPORARY
            is_last = not (self._put_back() and count)
            if is_last:  # before the answer, so that no further connection is sent to us
                if not native.may_answer():
                    return  # the function has closed the pipe or the channel; the server finds us gone
                self._channel.shutdown(_socket.SHUT_RD)
            try:
                os.write(self._answers, stemchannel.pack_answer(slot, code))
            except OSError:
                return
            if is_last:
                return

    def _put_back(self) -> bool:
        """Put back what a function may have changed; return whether everything is as it was."""
        assert native is not None
        try:
            self._put_actions_back()
            if not native.put_back():
                return False
            sys.argv[:] = self._argv
            if _standard_files() != self._files or os.environ is not self._variables:
                return False
            while sys.stdin.readline():
                pass  # what a client has sent and nobody read; it is /dev/null by now
            return True
        except (OSError, ValueError, TypeError, AttributeError):
            return False  # something was closed, or is of another kind now

    def _put_actions_back(self) -> None:
        _signal.set_wakeup_fd(-1)
        if (actions := _actions()) != self._actions:
            for timer in _TIMERS:  # or its signal would have its action from before by now
                _signal.setitimer(timer, 0)
            for number, before, now in zip(signals.ALL, self._actions, actions, strict=True):
                if before != now:
                    _signal.signal(number, before)


def _actions() -> "list[Callable[..., object] | int | None]":
    return [*map(_signal.getsignal, signals.ALL)]


def _standard_files() -> tuple[object, ...]:
    return sys.stdin, sys.stdout, sys.stderr
