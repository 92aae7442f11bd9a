"""The status file: a JSON file with the clients of a server and since when each is connected.

The server writes it when something has changed, at most once a second.  Where
a signal was chosen for it, the server writes it at the start, and whenever the
signal arrives.  If it cannot be written, there is one warning, and the server
goes on.  When the server ends, it removes the file, unless somebody else has
replaced it.  So if there is no file, there is no server.
"""

import os
import stat
from _signal import SIGTERM

from ucspi.tcp.report.clientfields import client_fields
from ucspi.tcp.report.jsontext import encode, moment, seconds
from ucspi.unix.errtext import describe
from ucspi.unix.publish import Publication
from ucspi.unix.signals import hold, release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.clientnotes import ClientNotes, Clock
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.jsontext import Value

PAUSE_NS = 1_000_000_000  # between two writes that a change has caused


class StatusFile:
    """Keeps the clients of a server, and publishes them as a file.

    Attributes:
        pending: returns how many more have connected and are not known yet; None where all are known at once.
    """

    __slots__ = (
        "_began",
        "_clients",
        "_clock",
        "_counts",
        "_due",
        "_header",
        "_is_draining",
        "_is_on_demand",
        "_is_troubled",
        "_last",
        "_limit",
        "_path",
        "_warn",
        "_written",
        "pending",
    )

    def __init__(
        self,
        path: bytes,
        limit: int,
        places: list[bytes],
        clock: "Clock",
        warn: "Callable[[bytes], object]",
        *,
        on_signal: bool = False,
    ) -> None:
        """Write nothing yet; `publish_if_due` will.

        Args:
            path: the file; ``path.tmp`` is written first and renamed.
            limit: the most clients at once.
            places: where the server listens, in the form of ``--listen``.
            clock: gives the times.
            warn: called with a warning.
            on_signal: write it at the start and whenever `request` is called, not when something changes.
        """
        self._path, self._clock, self._warn = path, clock, warn
        self._limit, self._is_on_demand = limit, on_signal
        now = clock.steady()
        self._began, self._last, self._due = now, now - PAUSE_NS, True
        self._header: dict[bytes, Value] = {
            b"pid": os.getpid(),
            b"started": moment(clock.wall()),
            b"listeners": places,
        }
        self._clients: dict[int, Connection] = {}
        self._counts = {b"accepted": 0, b"denied": 0, b"dropped": 0, b"ended": 0}
        self._written: os.stat_result | None = None  # of the file that we wrote last
        self._is_draining = self._is_troubled = False
        self.pending: Callable[[], int] | None = None

    def add_client(self, connection: "Connection") -> None:
        """Add a client, which has notes."""
        if connection.notes is not None:
            self._clients[connection.notes.number] = connection
        self._counts[b"accepted"] += 1
        self.note_change()

    def remove_client(self, connection: "Connection", how: bytes) -> None:
        """Remove a client and count how it went: ``denied``, ``dropped`` or ``ended``."""
        if connection.notes is not None:
            self._clients.pop(connection.notes.number, None)
        self._counts[how] += 1
        self.note_change()

    def note_draining(self) -> None:
        """Note that no more clients are accepted."""
        self._is_draining = True
        self.note_change()

    def note_change(self) -> None:
        """Note that something has changed."""
        if not self._is_on_demand:
            self._due = True

    def request(self) -> None:
        """Have the next `publish_if_due` write the file, even if nothing has changed."""
        self._due, self._last = True, self._clock.steady() - PAUSE_NS

    def deadline(self) -> float | None:
        """Return when `publish_if_due` has something to do, in monotonic seconds; None for never."""
        return (self._last + PAUSE_NS) / 1e9 if self._due else None

    def publish_if_due(self) -> None:
        """Write the file if it is due; warn of the first of several failures in a row."""
        if not self._due or self._clock.steady() - self._last < PAUSE_NS:
            return
        self._due, self._last = False, self._clock.steady()
        trouble = b""
        # SIGTERM may raise an exception anywhere; here it would leave half a file.
        mask = hold((SIGTERM,))
        try:
            trouble = self._publish()
        except OSError as error:
            trouble = describe(error.errno)
        finally:
            release(mask)
        if trouble and not self._is_troubled:
            self._warn(b"unable to write %s: %s" % (self._path, trouble))
        self._is_troubled = trouble != b""

    def remove_file(self) -> None:
        """Remove the file if it is still the one that we wrote."""
        try:
            if self._written is not None and os.path.samestat(self._written, os.lstat(self._path)):
                os.unlink(self._path)
        except OSError:
            pass  # it is gone, or we may not remove it

    def _publish(self) -> bytes:
        """Write the file; return the reason if it must not be replaced."""
        if not _is_replaceable(self._path):
            return b"not a regular file"
        publication = Publication(self._path, self._path + b".tmp", fsync=False)
        publication.discard()  # a killed server may have left the temporary file
        publication.create(exclusive=True)
        try:
            publication.write(self._text())
            written = os.fstat(publication.fileno())
            publication.seal()
            publication.rename()
        except OSError:
            publication.discard()
            raise
        self._written = written
        return b""

    def _text(self) -> bytes:
        fields: dict[bytes, Value] = {
            **self._header,
            b"time": moment(self._clock.wall()),
            b"seconds": seconds(self._clock.steady() - self._began),
            b"draining": self._is_draining,
            b"children": len(self._clients),
            b"limit": self._limit,
            **({} if self.pending is None else {b"pending": self.pending()}),
            **self._counts,
        }
        # Each client has a line of its own, for grep.
        clients = [b"\n" + _client(connection) for connection in self._clients.values()]
        return encode(fields)[:-1] + b',"connections":[%s]}\n' % b",".join(clients)


def _client(connection: "Connection") -> bytes:
    notes = connection.notes
    assert notes is not None, "every client that was added has notes"
    ending = b'"ending":"%s",' % notes.expired if notes.expired else b""
    fields = notes.cached_fields or _constant(connection, notes)
    return b'{"seconds":%s,%s%s' % (seconds(notes.age()), ending, fields)


def _constant(connection: "Connection", notes: "ClientNotes") -> bytes:
    """Return the fields that do not change once there is a handler; from then on they are cached."""
    fields: dict[bytes, Value] = {
        b"connection": notes.number,
        b"pid": notes.pid,
        b"since": moment(notes.since),
        **client_fields(connection, notes),
    }
    text = encode(fields)[1:]
    if notes.pid is not None:
        notes.cached_fields = text
    return text


def _is_replaceable(path: bytes) -> bool:
    """Return whether the path is a regular file or nothing; links and devices are not replaced."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return True
