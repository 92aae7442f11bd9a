"""The super-server: one thread decides.

    doors -> accept -> limits -> banner -> facts -> judge -> limits -> handler -> reap -> report

It listens, accepts, judges, counts, starts, reaps and reports, each in a short
step that never waits for a client.  Look-ups, which block, are done by threads
that do nothing else (`facts`).  Signals and threads wake the loop through one
descriptor.
"""

import time
from _signal import SIGABRT, SIGHUP, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1

from ucspi.errors import CdbFormatError
from ucspi.tcp.census import Census
from ucspi.tcp.connection import Connection
from ucspi.tcp.door import Door, Doors
from ucspi.tcp.environment import variables
from ucspi.tcp.facts import Facts
from ucspi.tcp.handlers import Handlers
from ucspi.tcp.limits import BadLimitError, message, over_assigned, over_general
from ucspi.tcp.lookups import Lookups
from ucspi.tcp.report import reporter
from ucspi.unix.errtext import describe
from ucspi.unix.sockets import NoLocalAddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ucspi.rules import Verdict
    from ucspi.tcp.drain import Drain
    from ucspi.tcp.listener import Listener
    from ucspi.tcp.rate import Buckets
    from ucspi.tcp.settings import Settings
    from ucspi.unix.signals import Wakeup
    from ucspi.unix.spawn import Spawner

    Assignments = tuple[tuple[bytes, bytes], ...]

    class Judge(Protocol):
        """Decides about a client; `ucspi.rules.LiveRules` is one."""

        path: bytes

        def judge(self, ip: bytes, host: bytes | None, info: bytes | None) -> Verdict:
            """Return the verdict, or raise OSError or CdbFormatError: there are no sound rules."""
            ...

        def line_of(self, rule: bytes | None) -> int | None:
            """Return the line of the text where a rule that has just decided stands, if it is known."""
            ...


BATCH = 16  # connections accepted before ended handlers are looked at again


class Server:
    """Serves its listeners until a signal ends it."""

    def __init__(
        self,
        settings: "Settings",
        listeners: "list[Listener]",
        judge: "Judge | None",
        spawner: "Spawner",
        wakeup: "Wakeup",
    ) -> None:
        """Put the parts together; nothing is accepted before `run`.

        Args:
            settings: the choices of the command line.
            listeners: the sockets to accept from.
            judge: the rules; None allows everybody.
            spawner: starts the handler.
            wakeup: wakes the loop for caught signals and for threads.
        """
        self._settings, self._judge, self._wakeup = settings, judge, wakeup
        self._doors = Doors(listeners, settings, wakeup.fileno())
        self._lookups = Lookups(settings.lookup_limit, wakeup.wake)
        self._facts = Facts(settings, self._lookups, self._decide)
        self._handlers = Handlers(spawner)
        self._census = Census()
        self._buckets = _buckets(settings)
        self._drain: Drain | None = None
        self._is_told_to_exit = False
        self._report, self._status_file = reporter(settings, listeners)

    def run(self) -> None:
        """Serve until a signal ends it, as the settings say; SIGTERM may also raise out of here."""
        self._report.begun(self._census.children)
        while not self._is_over():
            if self._status_file is not None:
                self._status_file.publish_if_due()
            woken, doors = self._doors.wait(self._has_room(), self._next_deadline())
            if woken:
                self._obey(self._wakeup.clear())
            if woken or self._handlers.is_due():
                self._reap()
            self._lookups.collect()
            for door in doors:
                self._accept_batch(door)

    def finish(self) -> None:
        """Leave nothing behind that says there is a server."""
        if self._status_file is not None:
            self._status_file.remove()

    def _next_deadline(self) -> float | None:
        deadlines = (
            self._lookups.next_deadline(),
            self._handlers.due,
            None if self._drain is None else self._drain.deadline,
            None if self._status_file is None else self._status_file.deadline(),
        )
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _has_room(self) -> bool:
        """Return whether another client may come in: none while the server is ending."""
        return self._drain is None and self._census.children < self._settings.limit

    # Accepting.

    def _accept_batch(self, door: Door) -> None:
        for _ in range(BATCH):
            if not self._has_room() or self._doors.is_paused() or not self._accept(door):
                return

    def _accept(self, door: Door) -> bool:
        """Take in one client; return False when none is there."""
        try:
            connection = door.accept()
        except NoLocalAddressError as failure:
            connection = Connection(*failure.accepted)
            self._admit(connection)
            self._drop(connection, b"unable to get local address: " + describe(failure.error.errno))
        except OSError as error:
            if self._doors.stumble(error.errno):
                self._report.warning(b"unable to accept, pausing: " + describe(error.errno))
        else:
            if connection is None:
                return False
            self._receive(connection)
        return True

    def _receive(self, connection: Connection) -> None:
        """Take one client through the steps that need no waiting."""
        self._admit(connection)
        over = over_general(self._census, connection.remote_ip, self._settings)
        if not over and self._buckets is not None:
            over = self._buckets.over(connection.remote_ip)
        if over:
            self._turn_away(connection, self._settings.limit_message, over)
            return
        if self._settings.banner:
            try:
                connection.print_at_once(self._settings.banner)
            except OSError as error:
                self._drop(connection, b"unable to print banner: " + describe(error.errno))
                return
        self._facts.find(connection)
        self._report.flush()  # the status line, when the client has to wait for answers

    def _admit(self, connection: Connection) -> None:
        connection.local_host = self._settings.local_host
        census = self._census
        census.enter(connection.remote_ip)
        self._report.admitted(connection, census.children)
        if self._settings.tell_holders and census.children == self._settings.limit:
            self._report.holders(census.holders())

    # Deciding.

    def _decide(self, connection: Connection) -> None:
        """Judge a client of whom everything is known, and act on the verdict."""
        if self._judge is None:
            self._start(connection, ())
            return
        try:
            verdict = self._judge.judge(connection.remote_ip, connection.remote_host, connection.remote_info)
            if connection.visit is not None:
                connection.visit.note_rule(verdict.rule, self._judge.line_of(verdict.rule))
            over = over_assigned(self._census, connection.remote_ip, verdict.environment)
        except OSError as error:
            self._drop(connection, b"unable to read %s: %s" % (self._judge.path, describe(error.errno)))
        except CdbFormatError:
            self._drop(connection, b"unable to read %s: protocol error" % self._judge.path)
        except BadLimitError as bad:
            self._drop(connection, b"the rule's %s is no number" % bad.name)
        else:
            if not verdict.allowed:
                self._turn_away(connection, b"", b"")
            elif over:
                told = message(verdict.environment, self._settings.limit_message)
                self._turn_away(connection, told, over)
            else:
                self._start(connection, verdict.environment)

    def _start(self, connection: Connection, assignments: "Assignments") -> None:
        lines = self._report.started(connection)
        try:
            pid = self._handlers.start(connection, variables(connection, assignments), lines)
        except OSError as error:
            # Out of processes or memory: the client is gone.
            self._census.leave(connection.remote_ip)
            self._doors.pause()
            self._report.failed(connection, error, self._census.children)
        else:
            if connection.visit is not None:
                connection.visit.pid = pid

    def _turn_away(self, connection: Connection, told: bytes, over: bytes) -> None:
        """Cut off a client that is denied, or over a limit, of which it may be told."""
        if told:
            try:
                connection.print_at_once(told)
            except OSError:
                pass  # it is cut off all the same
        self._leave(connection)
        self._report.denied(connection, self._census.children, over)

    def _drop(self, connection: Connection, reason: bytes) -> None:
        """Cut off a client that cannot be judged, or greeted."""
        self._leave(connection)
        self._report.dropped(connection, self._census.children, reason)

    def _leave(self, connection: Connection) -> None:
        connection.close()
        self._census.leave(connection.remote_ip)

    # Ending.

    def _obey(self, signals: bytes) -> None:
        """Do what the signals that were noted ask."""
        if SIGTERM in signals:
            self._end()
        if self._status_file is not None and SIGUSR1 in signals:
            self._status_file.demand()
        if not self._settings.is_s6:
            return
        if SIGHUP in signals or SIGQUIT in signals:
            self._handlers.signal(SIGTERM)
        if SIGABRT in signals:
            self._handlers.signal(SIGKILL)
        self._is_told_to_exit |= SIGQUIT in signals or SIGABRT in signals

    def _end(self) -> None:
        """Accept nobody any more; a second time, do not wait for the handlers any longer."""
        now = time.monotonic()
        if self._drain is None:
            from ucspi.tcp.drain import Drain  # most servers end without one

            self._drain = Drain(now, self._settings.drain_time or 0.0)
            self._doors.close()
            self._report.draining(self._census.children)
        else:
            self._drain.hurry(now)

    def _is_over(self) -> bool:
        if self._is_told_to_exit:
            return True
        if self._drain is None:
            return False
        signal = self._drain.due(time.monotonic())
        if signal is not None:
            self._handlers.signal(signal)
            for connection in self._facts.give_up():
                # A handler that started now would get no SIGTERM, only SIGKILL.
                self._drop(connection, b"the server is ending")
        return self._drain.is_over or not self._census.children

    # Reaping.

    def _reap(self) -> None:
        """Count and report the handlers that ended."""
        ends = []
        is_full = self._drain is None and not self._has_room()
        for pid, status, connection in self._handlers.reap(all_of_them=is_full):
            self._census.leave(connection.remote_ip)
            ends.append((pid, status, self._census.children, connection))
        if ends:
            self._doors.resume()
            self._report.ended(ends)


def _buckets(settings: "Settings") -> "Buckets | None":
    if settings.rate is None:
        return None
    from ucspi.tcp.rate import Buckets  # most servers have no rate

    return Buckets(settings.rate)
