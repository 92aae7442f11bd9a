"""The status file: who is connected since when, published for whoever looks.

It is written when something has changed, at most once a second, or where a
signal was chosen for it, at the start and then when that arrives.  A file that
cannot be written is told of once and stops nobody.  When the server ends the
file is removed, unless it is another's by then: where none is, nobody serves.
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

PAUSE_NS = 1_000_000_000  # between two writings that only a change asks for


class StatusFile:
    """Knows who is there, and publishes it."""

    __slots__ = (
        "_began",
        "_clock",
        "_counts",
        "_due",
        "_header",
        "_here",
        "_identity",
        "_is_draining",
        "_is_on_demand",
        "_is_troubled",
        "_last",
        "_limit",
        "_path",
        "_warn",
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
        """Touch nothing before `publish_if_due`, which is due at once.

        Args:
            path: the file; beside it ``path.tmp`` is written first.
            limit: how many clients there may be.
            places: the addresses and ports that are listened on.
            clock: the times.
            warn: takes a warning.
            on_signal: write it at the start and whenever `demand` is called, not when something changes.
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
        self._here: dict[int, Connection] = {}
        self._counts = {b"accepted": 0, b"denied": 0, b"dropped": 0, b"ended": 0}
        self._identity: tuple[int, int] | None = None  # of the file that we published last
        self._is_draining = self._is_troubled = False

    def entered(self, connection: "Connection") -> None:
        """Count a client that has notes."""
        if connection.notes is not None:
            self._here[connection.notes.number] = connection
        self._counts[b"accepted"] += 1
        self.change()

    def left(self, connection: "Connection", how: bytes) -> None:
        """Count a client no more: ``denied``, ``dropped`` or ``ended``."""
        if connection.notes is not None:
            self._here.pop(connection.notes.number, None)
        self._counts[how] += 1
        self.change()

    def drain(self) -> None:
        """Note that nobody is accepted any more."""
        self._is_draining = True
        self.change()

    def change(self) -> None:
        """Note that something changed."""
        if not self._is_on_demand:
            self._due = True

    def demand(self) -> None:
        """Publish at the next chance, whatever happened before."""
        self._due, self._last = True, self._clock.steady() - PAUSE_NS

    def deadline(self) -> float | None:
        """Return when `publish_if_due` has something to do (monotonic seconds), None for never."""
        return (self._last + PAUSE_NS) / 1e9 if self._due else None

    def publish_if_due(self) -> None:
        """Write the file if it is time to; trouble is told of, once until it is over."""
        if not self._due or self._clock.steady() - self._last < PAUSE_NS:
            return
        self._due, self._last = False, self._clock.steady()
        trouble = b""
        # SIGTERM may raise wherever we are; here it would leave half a file behind.
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

    def remove(self) -> None:
        """Take the file away if it is still the one that we wrote."""
        try:
            if self._identity is not None and self._identity == _identity(os.lstat(self._path)):
                os.unlink(self._path)
        except OSError:
            pass  # gone, or out of our hands

    def _publish(self) -> bytes:
        """Write the file; return why that must not be."""
        if not _is_replaceable(self._path):
            return b"not a regular file"
        publication = Publication(self._path, self._path + b".tmp", fsync=False)
        publication.discard()  # a server that was killed may have left it
        publication.create(exclusive=True)
        try:
            publication.write(self._text())
            identity = _identity(os.fstat(publication.fileno()))
            publication.seal()
            publication.rename()
        except OSError:
            publication.discard()
            raise
        self._identity = identity
        return b""

    def _text(self) -> bytes:
        fields: dict[bytes, Value] = {
            **self._header,
            b"time": moment(self._clock.wall()),
            b"seconds": seconds(self._clock.steady() - self._began),
            b"draining": self._is_draining,
            b"children": len(self._here),
            b"limit": self._limit,
            **self._counts,
        }
        clients = [b"\n" + _client(connection) for connection in self._here.values()]  # one a line, for grep
        return encode(fields)[:-1] + b',"connections":[%s]}\n' % b",".join(clients)


def _client(connection: "Connection") -> bytes:
    notes = connection.notes
    assert notes is not None, "every client that was entered has notes"
    return b'{"seconds":%s,%s' % (seconds(notes.lasted()), notes.shown or _constant(connection, notes))


def _constant(connection: "Connection", notes: "ClientNotes") -> bytes:
    """Return what does not change any more once there is a handler, and remember it from then on."""
    fields: dict[bytes, Value] = {
        b"connection": notes.number,
        b"pid": notes.pid,
        b"since": moment(notes.since),
        **client_fields(connection, notes),
    }
    text = encode(fields)[1:]
    if notes.pid is not None:
        notes.shown = text
    return text


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_replaceable(path: bytes) -> bool:
    """Return whether it is a file, or nothing: a link or a device is not to be replaced by a file."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return True
