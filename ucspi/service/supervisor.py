"""One supervisor: keeps a service as it is wanted, by carrying out what `statemachine` says.

A `Supervisor` never sleeps and never waits.  Its host (`supervisorhost`) calls
`resume` when a control byte has come, when `has_ended` was set, or when the rest
that the last call asked for is over.

The steps of a turn are the original's, since the effect of a control byte
depends on them: first the end of the process is acted on, then a failed start is
tried again, then one byte is read.  After each start the supervisor rests for a
second before its next step.  So a service that crashes at once can still be
told to go down between two starts.

If a supervisor of ours was killed, its successor goes on where it stopped.  It
takes over the running process, and what was wanted of it.

What a service with optional files asks for beyond that is in `ucspi.service.conduct`.
Its files are looked at before each start, and when the process has ended.  That may
wait for a disk, so it is done aside; meanwhile the supervisor waits, as in a rest.
"""

import _signal

from ucspi.service import statemachine, statusrecord
from ucspi.service.heldservice import HeldService
from ucspi.service.servicedir import NEW, STATUS, ServiceDirectory
from ucspi.service.serviceprocess import ServiceSetup
from ucspi.service.statemachine import FINISHING, LEAVING, UP, WANT_DOWN, WANT_UP
from ucspi.service.wishes import Wishes
from ucspi.unix import tai
from ucspi.unix.errtext import describe
from ucspi.unix.start import PidFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Final, TypeVar

    from ucspi.service.eventloop import EventLoop

    T = TypeVar("T")

# Seconds; the original's poll waits 20 ms longer than it is told.
REST: "Final" = 1.02
LONG_REST: "Final" = 60.02
WAIT: "Final" = -1.0  # until we ask to be resumed

_RESTS = {statemachine.REST: REST, statemachine.LONG_REST: LONG_REST}
_SIGNALS = {action: int(getattr(_signal, name)) for action, name in statemachine.SIGNALS.items()}
# After these the service is started again by itself, and may have to pause before.
_BY_ITSELF = (statemachine.ENDED, statemachine.FINISHED)
_AT_ONCE = (statemachine.CLIENT, "u", "o")  # after any other, a service on demand waits for a client


class Supervisor(HeldService):
    """Keeps one service as it is wanted."""

    __slots__ = ()

    def __init__(self, name: bytes, setup: ServiceSetup, parent: int | None = None) -> None:
        """Open the directory and lock it; start nothing yet.

        Args:
            name: the directory's path, also for messages.
            setup: what its process gets.
            parent: a descriptor of the directory that the path is relative to.

        Raises:
            ServiceError: it cannot be supervised; nothing stays open.
        """
        directory = ServiceDirectory(name, self._warn, parent)
        self._prepare(directory)
        self._turns = self._run()
        self._stamp = tai.now()
        try:
            self._state = WANT_UP if directory.is_normally_up() else WANT_DOWN
            directory.acquire()
            self._equip(setup)
            directory.open_control()
            self.wishes = self._read_files()
            self._take_over()
            directory.open_birth()
            self._publish()
            directory.open_ok()
        except BaseException:
            self.close()
            raise

    def attend(self, loop: "EventLoop", nudge: "Callable[[], object]") -> None:
        """Take a host.

        Args:
            loop: for timers and descriptors.
            nudge: has us resumed, if we do not rest.
        """
        self.loop, self._nudge = loop, nudge

    def resume(self) -> float:
        """Do what is to be done now.

        Returns:
            How many seconds to rest; until then it must not be called again.  `WAIT`: until
            we ask for it.  0: call again when a control byte comes or the process has ended.
        """
        return next(self._turns, 0.0)

    def obey(self, letters: str) -> None:
        """Obey control bytes even during a rest; none of them may start the process.

        The host has to call `resume` afterwards, for the supervisor may have left.
        """
        for letter in letters:
            self.happen(letter)

    def happen(self, event: str) -> None:
        """Act on an event at once, even during a rest; it must not lead to a start or a rest."""
        if self.has_left:
            return
        self._state, actions = statemachine.step(self._state, event)
        for action in actions:
            self._act(action)

    def fall_due(self, event: str) -> None:
        """Act on an event when its turn comes."""
        self._due.append(event)
        self._nudge()

    def _run(self) -> "Iterator[float]":
        if self.conduct:
            self.conduct.go_on()
        yield from self._begin()
        yield from self._do(statemachine.FIRST_TRY_OVER)
        while not self.has_left:
            yield 0.0
            if self.has_ended:
                yield from self._end()
            if self._due and not self.has_left:
                yield from self._do(self._due.pop(0))
            if not self.has_left:
                yield from self._do(statemachine.WOKEN)
                letter = self.directory.read_control()
                if letter == "d" and self.is_in(UP) and not self.wishes.is_plain:
                    yield from self._look()
                if letter:
                    yield from self._do(letter)

    def _begin(self) -> "Iterator[float]":
        self._looked_for = True  # when the directory was opened
        yield from self._do(statemachine.OPENED)
        self._looked_for = False

    def _do(self, event: str) -> "Iterator[float]":
        """Do what the state machine says about an event; yield the seconds to rest."""
        self._state, actions = statemachine.step(self._state, event)
        for action in actions:
            if action == statemachine.START:
                yield from self._try(event)
            elif action in _RESTS:
                yield _RESTS[action]
            else:
                self._act(action)

    def _act(self, action: str) -> None:
        if action in _SIGNALS:
            self.send(_SIGNALS[action])
        elif action == statemachine.STAMP:
            self._stamp = tai.now()
        elif action == statemachine.PUBLISH:
            self._publish()
        elif action == statemachine.LEAVE:
            self.has_left = True
        elif action == statemachine.DOWN:
            self.send(self.wishes.down_signal)
        elif self.conduct:
            self.conduct.act(action)

    def _end(self) -> "Iterator[float]":
        """Act on the end of the process."""
        if self.is_in(FINISHING):
            has_failed = self.conduct is not None and self.conduct.has_failed(self._status)
            self._forget()
            yield from self._do(statemachine.GIVEN_UP if has_failed else statemachine.FINISHED)
        elif self.conduct is None:
            self._forget()
            yield from self._do(statemachine.ENDED)
        else:
            conduct = self.conduct
            while not conduct.is_group_over():
                yield from self._wait()
            ended = conduct.end(self._status)
            yield from self._look(ended)
            self._looked_for = True
            self._forget()
            yield from self._do(conduct.finish())
            self._looked_for = False

    def _wait(self) -> "Iterator[float]":
        self._waits = True
        yield WAIT
        self._waits = False

    def nudge(self) -> None:
        """Go on if we wait."""
        if self._waits:
            self._nudge()

    def _look(self, before: "Callable[[], object] | None" = None) -> "Iterator[float]":
        """Look at the optional files, aside; ``before`` is done there too."""

        def work() -> Wishes:
            if before:
                before()
            if self.publisher.patience is not None:
                self._files.find_place()
            return self._read_files()

        self.wishes = (yield from self._aside(work)) or self.wishes

    def _aside(self, work: "Callable[[], T]") -> "Generator[float, None, T | None]":
        """Do what may wait for the disk, and wait for its result."""
        seen: list[T | None] = []

        def then(result: "T | None") -> None:
            seen.append(result)
            self.nudge()

        self.publisher.aside(work, then)
        while not seen:
            yield from self._wait()
        return seen[0]

    def _is_plain(self) -> bool:
        """Return whether there are certainly no optional files, if that can be found out at once."""
        may_wait = self.publisher.patience is None
        is_quick = self.wishes.is_plain and self.conduct is None and (may_wait or self._files.is_local())
        return is_quick and self._files.is_still_plain()

    def _read_files(self) -> Wishes:
        wishes = self._files.read()
        if not wishes.is_plain or self.conduct:
            if self.conduct is None:
                from ucspi.service.conduct import Conduct

                self.conduct = Conduct(self, self._processes)
            self.conduct.prepare(wishes)
        return wishes

    def _try(self, event: str) -> "Iterator[float]":
        """Start ``run``, or pause before; the result is the next event."""
        pause = self.conduct.pause() if self.conduct and event in _BY_ITSELF and self.is_in(WANT_UP) else 0.0
        if pause:
            yield from self._do(statemachine.DELAYED)
            return
        if self.conduct:
            self.conduct.sockets.tend()
        if not self._looked_for and not self._is_plain():
            yield from self._look()
        self._looked_for = False
        if self.conduct and self.conduct.sockets.must_change() and not self._is_called_off():
            yield from self._aside(self.conduct.sockets.change)
        if not self._is_called_off():
            yield from self._do(self._start(event))

    def _is_called_off(self) -> bool:
        """Return whether there is nothing to start any more: we were told so while we looked."""
        return self.has_left or self.is_in(LEAVING | WANT_DOWN)

    def _start(self, event: str) -> str:
        """Try to start ``./run``; return the result as an event."""
        if self.conduct and self.conduct.sockets.are_lacking():
            self.conduct.retry()
            return statemachine.UNOPENED
        if self.wishes.is_on_demand and event not in _AT_ONCE and self.is_in(WANT_UP):
            return statemachine.AWAITS
        stamp = tai.now()
        # A new process is not paused, and the child puts its own pid into the record.
        record = self._record(stamp, 0, is_new=True)
        status = PidFile(record, statusrecord.PID, NEW, STATUS, self.directory.state)
        shown = None if self.publisher.is_behind() else status
        try:
            if self.conduct:
                self.pid = self.conduct.start(shown)
            else:
                self.pid = self._processes.run(self.publisher, shown)
        except OSError as error:
            text = b"unable to fork for %s, sleeping 60 seconds: %s"
            self._warn(text % (self.name, describe(error.errno or 0)))
            return statemachine.UNSTARTED
        if not status.is_done:
            return statemachine.STARTED
        self._stamp = stamp
        self._shown = self._record(stamp, self.pid, is_new=True)
        return statemachine.STARTED_AND_PUBLISHED
