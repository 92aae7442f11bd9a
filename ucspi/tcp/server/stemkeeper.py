"""Keeps a stem alive: starts it, waits until it is ready, and starts another one when it has ended."""

import os
import select
import time
from _signal import SIGHUP

from ucspi.unix.errtext import describe
from ucspi.unix.stem import SLOTS
from ucspi.unix.stemchannel import COLD, FAILED, READY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ucspi.unix.chain import Ending
    from ucspi.unix.stem import Stem
    from ucspi.unix.stemspawn import StemSpawner

REST, REST_MAX = 1.0, 60.0  # seconds from one start to the next; doubled while stems fail
PATIENT = 5.0  # seconds of the first import until it is said that the server waits
LOOK = 0.1  # seconds between two looks whether a stem has ended before it was ready
_IN_VAIN = 100 << 8  # the status of who says that to try again is useless
BEGINNINGS = frozenset((READY, FAILED, COLD))


class StemKeeper:
    """The stem that gets the connections, and those that still have some of before.

    Attributes:
        current: the stem that gets them; None: they are served cold.
        epoll: watches the channels.
        dead: stems that have ended, and whose connections are to be taken back.
        stems: all that have not ended, by pid.
    """

    __slots__ = (
        "_ending",
        "_is_troubled",
        "_last",
        "_next",
        "_rest",
        "_spawner",
        "_starting",
        "_verbosity",
        "_warn",
        "current",
        "dead",
        "epoll",
        "stems",
    )

    def __init__(self, spawner: "StemSpawner", warn: "Callable[[bytes], object]", verbosity: int) -> None:
        """Start nothing yet.

        Args:
            spawner: starts stems.
            warn: writes a warning.
            verbosity: above 1 it is said too why there is no stem.
        """
        self._spawner, self._warn, self._verbosity = spawner, warn, verbosity
        self.epoll = select.epoll()
        self._ending: Ending | None = None  # of the last start
        self._rest, self._last = REST, 0.0  # the time of the last start, in monotonic seconds
        self._next: float | None = None  # that of the next
        self._is_troubled = False  # it was said that stems fail
        self._starting: Stem | None = None
        self.current: Stem | None = None
        self.dead: list[Stem] = []
        self.stems: dict[int, Stem] = {}

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when `turn` has something to do."""
        return self.epoll.fileno()

    def deadline(self) -> float | None:
        """Return when `turn` has something to do, in monotonic seconds."""
        return self._next

    def begin(self) -> bytes:
        """Start the first stem and wait until it is ready; return why the module cannot be used, or nothing.

        Whatever is raised meanwhile leaves no process behind.
        """
        try:
            self._start()
            trouble = b"" if self._starting is None else self._await(self._starting)
            if trouble:
                self.finish()
            return trouble
        except BaseException:
            self.finish()
            raise

    def _await(self, stem: "Stem") -> bytes:
        """Wait for the first stem; return why the module cannot be used, or nothing."""
        is_told = False
        while stem is self._starting:
            self.epoll.poll(LOOK)
            # It is not reaped before all is heard: its pid may be killed meanwhile.
            has_ended = os.waitid(os.P_PID, stem.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            if trouble := self._hear(stem):
                return trouble
            if has_ended:
                status = os.waitpid(stem.pid, 0)[1]
                if stem is self._starting and status == _IN_VAIN:
                    del self.stems[stem.pid]
                    return b"it " + _how(status) + b" before it was ready"
                self.ended(stem.pid, status)
            elif not is_told and time.monotonic() >= stem.began + PATIENT:
                is_told = True
                self._warn(b"pyhandler is still importing its module; clients wait until it is ready")
        return b""

    def turn(self, *, is_called: bool) -> list[int]:
        """Hear what stems say, if the descriptor is readable, and start one when it is due.

        Returns:
            The descriptors that are readable, those of stems among them.
        """
        ready = [number for number, _ in self.epoll.poll(0)] if is_called else []
        for stem in list(self.stems.values()):
            if not stem.is_left and stem.fileno() in ready:
                self._hear_later(stem)
        if self._spawner.ending is not self._ending and self._spawner.ending is not None:
            self.renew()
        if self._next is not None and time.monotonic() >= self._next:
            self._start()
        return ready

    def renew(self) -> None:
        """Let the stems go, and start another one as soon as that may be."""
        for stem in self.stems.values():
            self._let_go(stem)
        self._ending = self._spawner.ending
        self._plan_next()

    def _start(self) -> None:
        self._next, self._ending, self._last = None, self._spawner.ending, time.monotonic()
        if self._ending is None or self._starting is not None:
            return
        try:
            stem = self._spawner.stem()
        except (OSError, MemoryError) as error:
            number = error.errno if isinstance(error, OSError) else None
            self._fail(b"unable to start warm pyhandler: " + describe(number or 12))
            return
        if stem is None:
            self._say_cold(b"the environment is too large")
            return
        self._starting = self.stems[stem.pid] = stem
        self.epoll.register(stem.fileno(), select.EPOLLIN)

    def _hear_later(self, stem: "Stem") -> None:
        """Hear what a stem says while clients are served."""
        if not stem.is_left and (trouble := self._hear(stem)):
            self._fail(b"pyhandler: " + trouble)

    def _hear(self, stem: "Stem") -> bytes:
        """Hear what a stem says; return why it cannot use the module, if it says that."""
        for packet in self._packets(stem):
            # Whatever comes later only wakes us: there is something in a cell.
            if stem is not self._starting or packet[:1] not in BEGINNINGS:
                continue
            self._starting = None
            if packet[:1] == READY:
                stem.is_ready, self.current, self._is_troubled = True, stem, False
                continue
            self._let_go(stem)
            if packet[:1] == FAILED:
                return packet[1:]
            self._say_cold(packet[1:])
        return b""

    def _packets(self, stem: "Stem") -> "Iterator[bytes]":
        """Yield what a stem has sent; kill one that sends what none does, or more than there can be."""
        try:
            for _ in range(SLOTS):
                if stem.is_left or not (packet := stem.read()):
                    return
                yield packet
        except ValueError:
            pass
        self.kill(stem)

    def ended(self, pid: int, status: int) -> bool:
        """Note the end of a child; return whether it was a stem."""
        stem = self.stems.get(pid)
        if stem is None:
            return False
        del self.stems[pid]  # from now on it gets no signal: the pid may be another's
        self._hear_later(stem)
        self.dead.append(stem)
        if stem.is_left:
            return True
        was_starting = stem is self._starting
        if was_starting:
            self._starting = None  # its pid may be another's by now
        self._let_go(stem)
        if status == SIGHUP or (status == 0 and not was_starting):  # it was told to
            self._rest = REST
            self._plan_next()
        elif was_starting:
            self._fail(b"warm pyhandler %s before it was ready" % _how(status))
            if status == _IN_VAIN:
                self._next = None  # until the command line is another
        else:
            has_lived = not stem.is_given_up and time.monotonic() >= stem.began + 2 * self._rest
            self._rest = REST if has_lived else min(2 * self._rest, REST_MAX)
            self._plan_next()
            self._warn(b"warm pyhandler %s; serving cold until it is back" % _how(status))
        return True

    def _plan_next(self) -> None:
        self._next = self._last + self._rest

    def _fail(self, text: bytes) -> None:
        """Say that there is no stem, once until there is one again, and try again later."""
        self._rest = min(2 * self._rest, REST_MAX)
        self._next = time.monotonic() + self._rest
        if not self._is_troubled:
            self._is_troubled = True
            self._warn(text + b"; serving cold")

    def _say_cold(self, text: bytes) -> None:
        if self._verbosity > 1:
            self._warn(b"pyhandler is not kept warm: " + text)

    def _let_go(self, stem: "Stem") -> None:
        """Give a stem nothing more."""
        if stem is self.current:
            self.current = None
        if stem is self._starting:
            self._starting = None
            if stem.pid in self.stems:
                stem.kill()  # it may import for ever
        if not stem.is_left:
            self.epoll.unregister(stem.fileno())
            stem.leave()

    def kill(self, stem: "Stem") -> None:
        """Kill a stem that does not do its work; its end will be noticed."""
        if stem is self.current:
            self.current = None
        if stem.pid in self.stems:
            stem.is_given_up = True
            stem.kill()

    def finish(self) -> None:
        """Let go of all stems; those that have nothing left to do are killed, since one may be stopped."""
        self._next = None
        for stem in self.stems.values():
            if not stem.waiting:
                stem.kill()
            self._let_go(stem)


def _how(status: int) -> bytes:
    number = os.waitstatus_to_exitcode(status)
    return b"was killed by signal %d" % -number if number < 0 else b"ended with exit code %d" % number
