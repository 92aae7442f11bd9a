"""The loop of the server.  One thread does everything:

    doors -> accept -> entrance -> limits -> banner -> look-ups -> judge -> limits
      (-> TLS handshake -> limits) -> handler -> reap -> report

Each step is short and never waits for a client.  At the entrance the client's
balancer says who the client is.  What is looked up about a
client arrives later, in another turn of the loop; look-ups that block run in a
process of their own (`clientlookups`).  Signals wake the loop through one
descriptor.

If memory runs out, the client being handled is lost, and the server goes on.
"""

import errno
import time
from _signal import SIGUSR1

from ucspi.tcp.connection import Connection
from ucspi.tcp.server import parts
from ucspi.tcp.server.admission import Admission
from ucspi.tcp.server.clientlimits import over_server_limit
from ucspi.tcp.server.doors import Doors
from ucspi.tcp.server.handlers import Handlers
from ucspi.tcp.server.shutdown import Shutdown
from ucspi.unix import memoryreserve
from ucspi.unix.errtext import describe
from ucspi.unix.sockets import NoLocalAddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ucspi.tcp.server.door import Door
    from ucspi.tcp.server.handlers import Ended
    from ucspi.tcp.server.judge import Judge
    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.settings import Settings
    from ucspi.tcp.server.tlslink import StartedKeeper
    from ucspi.unix.signals import Wakeup
    from ucspi.unix.spawn import Spawner
    from ucspi.unix.stemspawn import StemSpawner


REST = 0.1  # seconds to sleep after a turn that ran out of memory
BATCH = 16  # connections accepted in a row before handlers are reaped


class Server:
    """A running server: its listeners, and everything that serves their clients.

    Attributes:
        warm: its handlers, where a stem may start them; the caller begins.  Otherwise None.
    """

    def __init__(
        self,
        settings: "Settings",
        listeners: "list[Listener]",
        judge: "Judge | None",
        spawner: "Spawner",
        wakeup: "Wakeup",
        stems: "StemSpawner | None" = None,
        keeper: "StartedKeeper | None" = None,
    ) -> None:
        """Make the parts; nothing is accepted before `run`.

        Args:
            settings: the choices of the command line.
            listeners: the sockets to accept from.
            judge: the rules; None allows every client.
            spawner: starts handlers.
            wakeup: wakes the loop when a signal was caught.
            stems: the spawner, if it also starts stems.
            keeper: of the certificates, with TLS.
        """
        self._settings, self._wakeup, self._spawner = settings, wakeup, spawner
        self._judge = judge
        self._report, self._status_file = parts.reporter(settings, listeners)
        self._background = parts.background(settings)
        self._lookups = parts.lookups(settings, self._background, self._decide, self._fail)
        others = [wakeup.fileno()]
        if self._background is not None:
            others.append(self._background.fileno())
        self.warm = None if stems is None else parts.warm_handlers(stems, self._report, settings)
        if self.warm is not None:
            others.append(self.warm.fileno())
        denying = None if judge is None else (judge, self._room, self._enter_late)
        self._doors = Doors(listeners, settings, others, denying)
        self._handlers = self.warm or Handlers(spawner)
        self._admission = Admission(settings, judge, self._doors, self._handlers, self._report)
        self._census = self._admission.census
        self._time_limits = self._admission.time_limits = parts.time_limits(
            settings, self._handlers, self._report, has_rules=judge is not None
        )
        if self.warm is not None:
            news = None if self._status_file is None else self._status_file.note_change
            self.warm.tell(self._admission.start_failed, news)
        self._entrance = parts.entrance(
            settings,
            self._background,
            (self._report, self._status_file),
            self._has_room_for_known,
            (self._receive, self._admission.drop, self._fail),
        )
        self._admission.handshakes = parts.handshakes(
            settings,
            keeper,
            self._background,
            self._entrance,
            self._report,
            (self._admission.drop, self._fail),
        )
        self._enter: Callable[[Connection], object] = (
            self._receive if self._entrance is None else self._entrance.enter
        )
        self._shutdown = Shutdown(
            settings,
            self._doors,
            self._admission,
            self._lookups,
            self._handlers,
            self._report,
            None if self._entrance is None else self._entrance.pending,
        )
        self._buckets = parts.buckets(settings)
        if judge is not None:
            judge.begin(wakeup.wake, wakeup.writer)
        memoryreserve.keep()

    def run(self) -> None:
        """Serve until a signal ends the server; SIGTERM may raise an exception out of this method."""
        self._report.listening(self._census.children)
        while True:
            try:
                if self._shutdown.is_over():
                    return
                self._turn()
            except MemoryError:
                self._recover()

    def _turn(self) -> None:
        """Wait until there is something to do, and do it."""
        memoryreserve.keep()
        if self._status_file is not None:
            self._status_file.publish_if_due()
        others, doors = self._doors.wait(self._has_room(), self._next_deadline())
        woken = self._wakeup.fileno() in others
        if woken:
            self._obey(self._wakeup.clear())
        if woken or self._handlers.is_due():
            is_full = not self._shutdown.has_begun and not self._has_room()
            self._count_out(self._handlers.reap(all_of_them=is_full))
        if self.warm is not None:
            self._count_out(self.warm.turn(is_called=self.warm.fileno() in others))
        if self._time_limits is not None:
            self._time_limits.turn()
        if self._spawner.shield.due is not None:
            self._spawner.shield.close(self._spawner.is_preparing)
        if self._background is not None:
            self._background.turn()
        if self._entrance is not None:
            self._entrance.turn()
        if self._judge is not None:
            self._judge.attend()
        if doors:
            self._shutdown.postpone()
        for door in doors:
            self._accept_batch(door)

    def _recover(self) -> None:
        """Go on after a turn that ran out of memory; the next turn does what this one left undone."""
        memoryreserve.give_up()
        try:
            if self._doors.pause():
                self._report.warn(b"out of memory, pausing")
            self._count_out(self._handlers.lost())
        except MemoryError:
            pass  # the next turn that fails tries again
        time.sleep(REST)

    def finish(self) -> None:
        """End the stem, and remove the status file, which says that there is a server."""
        if self.warm is not None:
            self.warm.finish()
        if self._status_file is not None:
            self._status_file.remove_file()

    def _obey(self, signals: bytes) -> None:
        """Do what the caught signals ask for."""
        if self._status_file is not None and SIGUSR1 in signals:
            self._status_file.request()
        self._shutdown.obey(signals)

    def _next_deadline(self) -> float | None:
        deadlines = (
            None if self._background is None else self._background.deadline(),
            self._handlers.due,
            None if self.warm is None else self.warm.deadline(),
            self._spawner.shield.due,
            None if self._time_limits is None else self._time_limits.deadline(),
            self._shutdown.deadline,
            None if self._judge is None else self._judge.deadline(),
            None if self._status_file is None else self._status_file.deadline(),
        )
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _has_room(self) -> bool:
        """Return whether to accept clients: not while shutting down, at the limit, or without rules yet."""
        return not self._shutdown.has_begun and self._has_place()

    def _has_place(self) -> bool:
        """Return whether there may be one more child: not at the limit, or without rules yet."""
        if self._judge is not None and not self._judge.is_ready():
            return False
        return self._room() > 0

    def _room(self) -> int:
        """Return how many more children there may be."""
        return self._settings.limit - self._census.children

    def _has_room_for_known(self) -> bool:
        """Return whether to receive a client that was accepted before, even while shutting down."""
        return self._has_place() and not self._doors.is_paused()

    def _accept_batch(self, door: "Door") -> None:
        for _ in range(BATCH):
            if not self._has_room() or self._doors.is_paused() or not self._accept(door):
                return

    def _accept(self, door: "Door") -> bool:
        """Accept and handle one client; return False when none is waiting."""
        connection = None
        try:
            connection = door.accept()
            if connection is None:
                return False
            self._enter(connection)
        except NoLocalAddressError as failure:
            connection = Connection(*failure.accepted)
            self._admission.enter(connection)
            self._admission.drop(connection, b"unable to get local address: " + describe(failure.error.errno))
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE) and self._free_descriptor(error):
                return True
            if self._doors.accept_failed(error.errno):
                self._report.warn(b"unable to accept, pausing: " + describe(error.errno))
            if error.errno == errno.EINTR:
                return False  # see to the signal: where others made the socket block, accept would wait again
        except MemoryError as error:
            if connection is None:
                self._doors.pause()
                self._report.warn(b"dropping connection, " + describe(errno.ENOMEM))
            else:
                self._fail(connection, error)
        return True

    def _enter_late(self, connection: Connection) -> None:
        """Handle a client whom its door took for one that is denied again."""
        try:
            self._enter(connection)
        except MemoryError as error:
            self._fail(connection, error)

    def _free_descriptor(self, error: OSError) -> bool:
        """Close the oldest client that is not known yet, if there is one."""
        return self._entrance is not None and self._entrance.pending.free_descriptor(describe(error.errno))

    def _receive(self, connection: Connection) -> None:
        """Count, check and greet a client, and judge it or start its look-ups.

        One that has been judged, and has done its handshake since, gets its handler.
        """
        if connection.tls is not None:
            self._admission.enter_again(connection)
            return
        self._admission.enter(connection)
        over = over_server_limit(self._census, connection.remote_ip, self._settings)
        if not over and self._buckets is not None:
            over = self._buckets.take_token(connection.remote_ip)
        if over:
            self._admission.turn_away(connection, self._settings.limit_message, over)
            return
        if self._settings.banner and self._settings.tls is None:
            try:
                connection.print_at_once(self._settings.banner)
            except OSError as error:
                self._admission.drop(connection, b"unable to print banner: " + describe(error.errno))
                return
        if self._lookups is None:
            self._admission.decide(connection)
        else:
            self._lookups.start(connection)
            self._report.flush()  # writes the status line, where the client waits for look-ups

    def _decide(self, connection: Connection) -> None:
        self._admission.decide(connection)

    def _fail(self, connection: Connection, error: OSError | MemoryError) -> None:
        """Cut off a client for which memory, processes or descriptors ran out."""
        if self._lookups is not None:
            self._lookups.drop(connection)
        if self._entrance is not None:
            self._entrance.pending.release(connection)
        self._admission.fail(connection, error)

    def _count_out(self, ended: "Iterable[Ended]") -> None:
        """Count out and report the clients whose handlers have ended."""
        ends = []
        try:
            for pid, status, connection in ended:
                self._census.leave(connection.remote_ip)
                if self._time_limits is not None:
                    self._time_limits.leave(connection)
                ends.append((pid, status, self._census.children, connection))
        finally:
            if ends:
                self._doors.resume()
                self._report.ended(ends)
