"""The super-server: one thread decides.

    listener -> accept -> banner -> facts -> judge -> start the handler -> reap -> log

It listens, accepts, judges, counts, starts, reaps and logs, each in a short step
that never waits for a client.  Look-ups, which block, are done by threads that
do nothing else (`facts`).  Signals and threads wake the loop through one
descriptor.
"""

import os
import select
import time

from ucspi.errors import CdbFormatError
from ucspi.tcp import log
from ucspi.tcp.connection import Connection
from ucspi.tcp.environment import variables
from ucspi.tcp.facts import Facts
from ucspi.tcp.handlers import Handlers
from ucspi.tcp.listener import GONE
from ucspi.tcp.lookups import Lookups
from ucspi.unix.errtext import describe
from ucspi.unix.sockets import NoLocalAddressError, acceptor
from ucspi.unix.stderr import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, Protocol

    from ucspi.rules import Verdict
    from ucspi.tcp.listener import Listener
    from ucspi.tcp.settings import Settings
    from ucspi.unix.signals import Wakeup
    from ucspi.unix.spawn import Spawner

    class Judge(Protocol):
        """Decides about a client; `ucspi.rules.LiveRules` is one."""

        path: bytes

        def judge(self, ip: bytes, host: bytes | None, info: bytes | None) -> Verdict:
            """Return the verdict, or raise OSError or CdbFormatError: there are no sound rules."""
            ...


BATCH = 16  # connections accepted before ended handlers are looked at again
PAUSE = 1.0  # seconds without accepting after the system ran out of something


class Door:
    """A listener, and how to accept from it."""

    __slots__ = ("_accept", "_ip6")

    def __init__(self, listener: "Listener", settings: "Settings") -> None:
        """Prepare to accept."""
        self._accept = acceptor(
            listener.socket, clear_ip_options=settings.clear_ip_options, no_delay=settings.no_delay
        )
        self._ip6 = listener.ip6

    def accept(self) -> Connection | None:
        """Accept one connection, or return None when no client is there; see `acceptor`."""
        accepted = self._accept()
        return None if accepted is None else Connection(*accepted, ip6=self._ip6)


class Server:
    """Serves its listeners until a signal handler raises out of `run`."""

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
            wakeup: wakes the loop on SIGCHLD and for threads.
        """
        self._settings, self._judge, self._wakeup = settings, judge, wakeup
        self._verbose = settings.verbosity >= 2
        self._doors = {listener.fileno(): Door(listener, settings) for listener in listeners}
        self._pid = os.getpid()
        self._handlers = Handlers(spawner)
        self._lookups = Lookups(settings.lookup_limit, wakeup.wake)
        self._facts = Facts(settings, self._lookups, self._decide)
        self._children = 0  # clients that are looked up, started or served
        self._pause_until = -PAUSE  # monotonic seconds
        self._unsaid = b""  # the status line of the client in hand
        self._poll = select.poll()
        self._poll.register(wakeup.fileno(), select.POLLIN)
        self._listening = False

    def run(self) -> "NoReturn":
        """Serve; returns only by an exception that a signal handler raises."""
        self._say(self._status())
        while True:
            woken, ready = self._wait()
            if woken:
                self._wakeup.clear()
                self._reap()
            self._lookups.collect()
            for door in ready:
                self._accept_batch(door)

    # Waiting.

    def _wait(self) -> "tuple[bool, list[Door]]":
        """Return whether something woke us, and the doors where a client is."""
        self._listen(self._may_accept())
        ready = [descriptor for descriptor, _ in self._poll.poll(self._timeout())]
        woken = self._wakeup.fileno() in ready
        return woken, [self._doors[descriptor] for descriptor in ready if descriptor in self._doors]

    def _listen(self, wanted: bool) -> None:
        """Look at the listeners or not; while we do not, new clients stay in the backlog."""
        if wanted == self._listening:
            return
        for descriptor in self._doors:
            if wanted:
                self._poll.register(descriptor, select.POLLIN)
            else:
                self._poll.unregister(descriptor)
        self._listening = wanted

    def _may_accept(self) -> bool:
        return self._children < self._settings.limit and not self._is_paused()

    def _is_paused(self) -> bool:
        return time.monotonic() < self._pause_until

    def _timeout(self) -> int | None:
        """Return the milliseconds until something is due, None when nothing is."""
        deadline = self._lookups.next_deadline()
        if self._is_paused():
            deadline = self._pause_until if deadline is None else min(deadline, self._pause_until)
        if deadline is None:
            return None
        return max(0, int((deadline - time.monotonic()) * 1000) + 1)

    # Accepting.

    def _accept_batch(self, door: "Door") -> None:
        for _ in range(BATCH):
            if not self._may_accept():
                return
            try:
                connection = door.accept()
            except NoLocalAddressError as failure:
                self._admit()
                connection = Connection(*failure.accepted)
                self._drop(connection, b"unable to get local address: " + describe(failure.error.errno))
            except OSError as error:
                if error.errno not in GONE:
                    self._pause(error)
            else:
                if connection is None:
                    return
                self._admit()
                self._receive(connection)

    def _pause(self, error: OSError) -> None:
        """Stop accepting for a while: out of descriptors or memory.

        It is said once, and again only after a time without such trouble.
        """
        now = time.monotonic()
        is_news = now > self._pause_until + PAUSE
        self._pause_until = now + PAUSE
        if is_news and self._settings.verbosity:
            emit(log.warning(b"unable to accept, pausing: " + describe(error.errno)))

    def _admit(self) -> None:
        """Count a client; its status line stays unsaid until there is more to say."""
        self._children += 1
        self._unsaid = self._status()

    def _receive(self, connection: Connection) -> None:
        """Take one client through the steps that need no waiting."""
        banner = self._settings.banner
        if banner:
            try:
                connection.print_banner(banner)
            except OSError as error:
                self._drop(connection, b"unable to print banner: " + describe(error.errno))
                return
        self._facts.find(connection)
        self._say(b"")  # the status line, when the client has to wait for answers

    # Deciding.

    def _decide(self, connection: Connection) -> None:
        """Judge a client of whom everything is known, and act on the verdict."""
        if self._judge is None:
            self._start(connection, ())
            return
        try:
            verdict = self._judge.judge(connection.remote_ip, connection.remote_host, connection.remote_info)
        except OSError as error:
            self._drop(connection, b"unable to read %s: %s" % (self._judge.path, describe(error.errno)))
        except CdbFormatError:
            self._drop(connection, b"unable to read %s: protocol error" % self._judge.path)
        else:
            if verdict.allowed:
                self._start(connection, verdict.environment)
            else:
                self._deny(connection)

    def _start(self, connection: Connection, assignments: "tuple[tuple[bytes, bytes], ...]") -> None:
        self._say(b"")  # before the new process writes its own lines
        lines = b""
        if self._verbose:
            lines = log.arrival(log.PID, connection) + log.verdict(b"ok", log.PID, connection)
        try:
            self._handlers.start(connection.release(), variables(connection, assignments), lines)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Out of processes or memory: the client is gone; accept no other for a while."""
        self._children -= 1
        self._pause_until = time.monotonic() + PAUSE
        lines = log.dropping(b"unable to fork: " + describe(error.errno)) if self._settings.verbosity else b""
        self._say(lines + self._status())

    def _deny(self, connection: Connection) -> None:
        line = log.verdict(b"deny", b"%d" % self._pid, connection) if self._verbose else b""
        self._refuse(connection, line, log.DENIED_STATUS)

    def _drop(self, connection: Connection, reason: bytes) -> None:
        """Cut off a client that cannot be judged, or greeted."""
        line = log.dropping(reason) if self._settings.verbosity else b""
        self._refuse(connection, line, log.DROPPED_STATUS)

    def _refuse(self, connection: Connection, line: bytes, status: int) -> None:
        """Cut off a client for whom no process is made; the server's pid stands in."""
        connection.close()
        self._children -= 1
        if self._verbose:
            line = log.refusal(self._pid, connection, line, status, self._children, self._settings.limit)
        self._say(line)

    # Reaping.

    def _reap(self) -> None:
        """Count and log the handlers that ended."""
        lines = b""
        for pid, status in self._handlers.reap():
            self._children -= 1
            self._pause_until = min(self._pause_until, time.monotonic())
            if self._verbose:
                lines += log.end(pid, status) + self._status()
        self._say(lines)

    # Saying.

    def _status(self) -> bytes:
        return log.status(self._children, self._settings.limit) if self._verbose else b""

    def _say(self, lines: bytes) -> None:
        """Write lines, after the status line that is still unsaid, in one write."""
        lines, self._unsaid = self._unsaid + lines, b""
        if lines:
            emit(lines)
