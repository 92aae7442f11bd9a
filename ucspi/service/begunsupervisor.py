"""A supervisor whose beginning is over: its directory is open, and its service may run already.

Whoever began it has done what `ucspi.service.supervisor` does until the first rest
of a service that is wanted up, or until the first event of one that is not.
"""

from time import monotonic

from ucspi.service import statemachine, statusrecord
from ucspi.service.servicedir import ServiceDirectory
from ucspi.service.serviceprocess import ServiceSetup
from ucspi.service.statemachine import WANT_DOWN, WANT_UP
from ucspi.service.supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Beginning:
    """What was done.

    Attributes:
        name: of the directory.
        files: its descriptors: directory, ``supervise``, lock, control, birth and ok.
        is_wanted: the service is wanted up.
        status: the record that was published last, or, if the service was started, the
            one that its process may have published, without its pid.
        pid: of the service's process, our child; 0: it was not started.
        started: when, in seconds of the steady clock.
        is_published: its process has published the record.
    """

    __slots__ = ("files", "is_published", "is_wanted", "name", "pid", "started", "status")

    def __init__(
        self,
        name: bytes,
        files: tuple[int, int, int, int, int, int],
        *,
        is_wanted: bool,
        status: bytes,
        pid: int = 0,
        started: float = 0.0,
        is_published: bool = False,
    ) -> None:
        self.name, self.files, self.is_wanted, self.status = name, files, is_wanted, status
        self.pid, self.started, self.is_published = pid, started, is_published


class BegunSupervisor(Supervisor):
    """Goes on where a beginning ended."""

    __slots__ = ("_beginning",)

    def __init__(self, beginning: Beginning, setup: ServiceSetup) -> None:
        """Take over the open directory.

        Args:
            beginning: what was done.
            setup: see `Supervisor`.
        """
        self._beginning = beginning
        self._prepare(ServiceDirectory.held(beginning.name, self._warn, beginning.files))
        self._turns = self._run()
        self._equip(setup)
        self.pid = beginning.pid
        self._state = WANT_UP if beginning.is_wanted else WANT_DOWN
        self._stamp = beginning.status[: statusrecord.PID]

    def _begin(self) -> "Iterator[float]":
        """Go on behind the start; the rest that follows it may be over."""
        if not self.pid:
            yield from super()._begin()
            return
        if self._beginning.is_published:
            self._shown = statusrecord.Status(self._stamp, self.pid, 0, self._want()).pack()
        for rest in self._do(self._event()):
            left = self._beginning.started + rest - monotonic()
            if left > 0:
                yield left

    def _event(self) -> str:
        is_published = self._beginning.is_published
        return statemachine.STARTED_AND_PUBLISHED if is_published else statemachine.STARTED
