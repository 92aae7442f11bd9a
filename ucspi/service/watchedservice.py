"""One service whose status is waited for: its supervisor, and what its status says.

The fifo ``ok`` is held open, since poll then tells when the supervisor has ended.
All else is opened anew by its name for each look: the status is replaced each time, and
``supervise`` may be removed and made again.
"""

import posix as os
import select
from errno import ENOENT

from ucspi.errors import ServiceError
from ucspi.service import controlfiles, statusrecord
from ucspi.service.statusrecord import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.folderwatch import FolderWatch

ENDED = b"supervise has ended"


class WatchedService:
    """A service, opened by `open`.

    Attributes:
        name: its directory, as it was given.
        ok: the descriptor of ``supervise/ok``; -1 if it is closed.
        watch: the descriptor that has it watched; None: it has to be looked at from time to time.
        status: as it was seen last; None: there was none yet.
    """

    __slots__ = ("name", "ok", "status", "watch")

    def __init__(self, name: bytes) -> None:
        """Take the name of its directory."""
        self.name = name
        self.ok = -1
        self.watch: int | None = None
        self.status: Status | None = None

    def open(self) -> None:
        """Open ``ok``, again if it was open.

        Raises:
            ServiceError: no supervisor runs, or that cannot be found out.
        """
        self.close()
        found = self._open_ok()
        if found is None:
            raise ServiceError(controlfiles.NOT_RUNNING)
        self.ok = found

    def watch_with(self, watch: "FolderWatch") -> None:
        """Have its ``supervise`` watched, if that can be, and no other one that it was before."""
        self._end_watch()
        try:
            service = controlfiles.enter_named(self.name)
            try:
                folder = controlfiles.enter_state(service)
            finally:
                os.close(service)
        except OSError:
            return  # the next look says why
        self.watch = watch.add(folder)
        os.close(folder)

    def _end_watch(self) -> None:
        if self.watch is not None:
            os.close(self.watch)
            self.watch = None

    def look(self) -> None:
        """Read the status; a supervisor that has just begun may have none yet.

        Raises:
            ServiceError: it cannot be read, or is none.
        """
        service = self._enter()
        step = b"open"
        try:
            try:
                file = controlfiles.open_status(service)
            finally:
                os.close(service)
            step = b"read"
            try:
                record = os.read(file, statusrecord.READ)
            finally:
                os.close(file)
        except OSError as error:
            if self.status is None and error.errno == ENOENT:
                return self._demand_ok()
            raise ServiceError(b"unable to %s supervise/status" % step, error) from None
        self.status = statusrecord.unpack(record)
        if self.status is None:
            raise ServiceError(b"unable to read supervise/status: bad format")

    def has_ended(self) -> bool:
        """Return whether its supervisor has."""
        poll = select.poll()
        poll.register(self.ok, 0)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close what is open."""
        self._end_watch()
        if self.ok >= 0:
            os.close(self.ok)
            self.ok = -1

    def _demand_ok(self) -> None:
        """Check that ``supervise`` is still there; its end is not always told."""
        found = self._open_ok()
        if found is not None:
            os.close(found)

    def _open_ok(self) -> int | None:
        service = self._enter()
        try:
            return controlfiles.open_ok(service)
        except OSError as error:
            raise ServiceError(b"unable to open supervise/ok", error) from None
        finally:
            os.close(service)

    def _enter(self) -> int:
        try:
            return controlfiles.enter_named(self.name)
        except OSError as error:
            raise ServiceError(b"unable to chdir", error) from None
