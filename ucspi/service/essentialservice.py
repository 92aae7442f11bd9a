"""A service that the tree must not outlive: what its status says about its end, and a watch on it.

The service is a name in the directory that is scanned; whatever directory has that
name is looked at.  A status counts if it was published after we first saw the
directory, or while a supervisor runs there: one that publishes before it opens ``ok``.
What an earlier life has left, as in a container that is started again, does not count.

Looking may wait for a disk, so it is done in threads.
"""

import os
from _thread import allocate_lock
from errno import ENOENT, ENOTDIR

from ucspi.service import controlfiles, statusrecord
from ucspi.unix.errtext import explain
from ucspi.unix.folderwatch import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.service.statusrecord import Status

    Identity = tuple[int, int]

_ABSENT = (ENOENT, ENOTDIR)
SILENT = b"its supervise does not tell how it ends"


class EssentialService:
    """One of them.

    Attributes:
        name: in the directory that is scanned.
        final: the status that ends the tree; None: there was none yet.
        complaint: why that cannot be seen; empty if it can.
    """

    __slots__ = ("_folder", "_lock", "_old", "_watch", "_watched", "complaint", "final", "name")

    def __init__(self, name: bytes) -> None:
        """Take its name."""
        self.name, self.complaint = name, b""
        self.final: Status | None = None
        self._lock = allocate_lock()  # two threads may look
        self._folder: Identity | None = None  # the directory that `_old` is of
        self._old = b""  # the record that was there before us
        self._watch: int | None = None
        self._watched: Identity | None = None

    @property
    def is_watched(self) -> bool:
        """Whether SIGIO tells of changes; if not, somebody has to look from time to time."""
        return self._watch is not None

    def look(self) -> None:
        """Watch it if that can be, and set ``final`` if its end has come; safe in any thread."""
        with self._lock:
            if self.final is not None:
                return
            try:
                self._look()
            except OSError as error:
                self._unwatch()
                self.complaint = b"" if error.errno in _ABSENT else explain(error)

    def _look(self) -> None:
        service = controlfiles.enter_named(self.name)
        try:
            found = os.fstat(service)
            self._watch_state(service)
            runs = _is_supervised(service)  # first: a status that is read later is its own, or a newer one
            record = _read(service)
        finally:
            os.close(service)
        folder = found.st_dev, found.st_ino
        if folder != self._folder:
            self._folder, self._old = folder, b"" if runs else record
        self.complaint = b""
        if runs or record != self._old:
            self._judge(record)

    def _judge(self, record: bytes) -> None:
        status = statusrecord.unpack(record)
        if status is None:
            return
        if status.details is None:
            self.complaint = SILENT
        elif status.has_failed or status.is_done:
            self.final = status

    def _watch_state(self, service: int) -> None:
        """Watch ``supervise``, where it is now."""
        try:
            state = controlfiles.enter_state(service)
        except FileNotFoundError:
            return self._unwatch()
        try:
            found = os.fstat(state)
            if (found.st_dev, found.st_ino) != self._watched:
                self._unwatch()
                self._watch = watch(state)
                self._watched = None if self._watch is None else (found.st_dev, found.st_ino)
        finally:
            os.close(state)

    def _unwatch(self) -> None:
        if self._watch is not None:
            os.close(self._watch)
        self._watch = self._watched = None


def _is_supervised(service: int) -> bool:
    try:
        return controlfiles.is_supervised(service)
    except FileNotFoundError:
        return False


def _read(service: int) -> bytes:
    """Return the record; nothing if there is none."""
    try:
        file = controlfiles.open_status(service)
    except FileNotFoundError:
        return b""
    try:
        return os.read(file, statusrecord.READ)
    finally:
        os.close(file)
