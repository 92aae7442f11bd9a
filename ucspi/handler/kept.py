"""A process that serves one connection after another, and is between two of them as it was at first.

What a function leaves in its modules stays: a connection to a database, a table that
it has read.  So descriptors that it leaves open stay too, for something may still
use them; only those of the connection itself become ``/dev/null``, lest the client wait.
What cannot be put back ends the process: threads and children that are left, another
user, files put in the place of the standard ones, more and more descriptors.
"""

import _signal
import _socket
import os
import sys

from ucspi.exits import EXIT_TEMPORARY
from ucspi.handler.client import Client
from ucspi.handler.serve import serve
from ucspi.handler.stemenviron import snapshot
from ucspi.handler.stempackets import Receiver
from ucspi.unix import signals, stemchannel
from ucspi.unix.output import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ucspi.handler.stemenviron import StemEnviron

LEFT_MAX = 64  # descriptors more than at first
_SELF = 2  # links of a directory without others in it
_TIMERS = (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF)


class Kept:
    """A process with a channel of its own."""

    def __init__(self, channel: "_socket.socket", environ: "StemEnviron") -> None:
        """Take the channel over; note how everything is at first."""
        self._packets, self._environ = Receiver(channel, looks=False), environ
        self._channel = channel
        self._connection: os.stat_result | None = None
        received = self._packets.receive()
        self._answers = -1 if received is None else received[1]  # a pipe
        self._null = os.open(b"/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self._home = os.open(b".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        own = (self._answers, channel.fileno(), self._null, self._home)
        self._own = [(number, os.fstat(number)) for number in own if number >= 0]
        self._umask = os.umask(0o77)
        os.umask(self._umask)
        self._actions, self._mask = _actions(), _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        self._argv, self._files = sys.argv[:], _standard_files()
        self._ids = _ids()
        self._open = len(_open_descriptors())

    def serve(self, function: "Callable[..., object]", arguments: "Sequence[str]", count: int) -> None:
        """Serve so many connections, or fewer if the channel ends or something cannot be put back."""
        if self._answers < 0:
            return  # there was no number left for it; the server takes back what it has sent
        while count and (received := self._packets.receive()):
            (_, slot, variables, log), connection = received
            count -= 1
            code = self._serve_one(function, arguments, (variables, log), connection)
            is_last = not (self._put_back() and count)
            if not (_is_same(*self._own[0]) and _is_same(*self._own[1])):
                return  # the function has closed the pipe or the channel; the server finds us gone
            if is_last:  # before the answer, so that no further connection is sent to us
                self._channel.shutdown(_socket.SHUT_RD)
            try:
                os.write(self._answers, stemchannel.pack_answer(slot, code))
            except OSError:
                return
            if is_last:
                return

    def _serve_one(
        self,
        function: "Callable[..., object]",
        arguments: "Sequence[str]",
        texts: tuple[bytes, bytes],
        connection: int,
    ) -> int:
        variables, log = texts
        emit(log.replace(b"\0", b"%d" % os.getpid()))
        if connection < 0:
            self._connection = None
            emit(b"pyhandler: fatal: connection lost: process cannot open more files\n")
            return EXIT_TEMPORARY
        os.dup2(connection, 0)
        os.dup2(connection, 1)
        os.close(connection)
        self._connection = os.fstat(0)
        self._environ.give(variables)
        return serve(function, Client(snapshot()), arguments)

    def _disconnect(self) -> None:
        """Close what is left open of a connection; the numbers stay taken, for their users may close them."""
        os.dup2(self._null, 0)
        os.dup2(self._null, 1)
        for number in _open_descriptors():
            if number > 2 and _is_same(number, self._connection):
                os.dup2(self._null, number, inheritable=False)

    def _put_back(self) -> bool:
        """Put back what a function may have changed; return whether everything is as it was."""
        if not all(_is_same(number, status) for number, status in self._own):
            return False  # the function has closed what it did not open
        try:
            self._disconnect()
            os.umask(self._umask)
            os.fchdir(self._home)
            self._put_signals_back()
            sys.argv[:] = self._argv
            return self._is_clean()
        except (OSError, ValueError, TypeError, AttributeError):
            return False  # something was closed, or is of another kind now

    def _put_signals_back(self) -> None:
        for timer in _TIMERS:
            _signal.setitimer(timer, 0)
        _signal.set_wakeup_fd(-1)
        if (actions := _actions()) != self._actions:
            for number, action in self._actions.items():
                if action != actions[number]:
                    _signal.signal(number, action)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._mask)

    def _is_clean(self) -> bool:
        if _standard_files() != self._files or _ids() != self._ids or _has_children():
            return False
        if os.stat("/proc/self/task").st_nlink != _SELF + 1:
            return False
        sys.stdin.read()  # what a client has sent and nobody read; it is /dev/null by now
        return len(_open_descriptors()) <= self._open + LEFT_MAX


def _actions() -> "dict[int, Callable[..., object] | int | None]":
    return {number: _signal.getsignal(number) for number in signals.ALL}


def _standard_files() -> tuple[object, ...]:
    return sys.stdin, sys.stdout, sys.stderr


def _ids() -> tuple[object, ...]:
    return os.getresuid(), os.getresgid()


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _open_descriptors() -> list[int]:
    """Return the open descriptors, and one that is closed by now.

    Raises:
        OSError: there is no ``/proc``, or no descriptor to read it with.
    """
    return [int(name) for name in os.listdir("/proc/self/fd")]


def _is_same(number: int, status: os.stat_result | None) -> bool:
    try:
        return status is not None and os.path.samestat(os.fstat(number), status)
    except OSError:
        return False
