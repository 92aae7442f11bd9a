"""Waiting until services are as somebody wants them, without looking again and again.

Every status is published by renaming a file, by our supervisors and by those of
daemontools and runit.  So a directory `supervise` is watched, and its status is read
when something has happened.  The watch comes first and the look second: nothing is
missed between.  Where a directory cannot be watched (`ucspi.unix.folderwatch`), its status is
read a few times a second.

All services must be as wanted at the same time.
"""

import select
from time import monotonic

from ucspi.errors import ServiceError
from ucspi.service import controlfiles
from ucspi.service.watchedservice import ENDED, WatchedService

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ucspi.service.goals import Goal
    from ucspi.service.statusrecord import Status
    from ucspi.unix.folderwatch import FolderWatch

    Fail = Callable[[bytes, ServiceError], object]

LOOK_EVERY: "Final" = 0.2  # seconds between two looks at what cannot be watched
_SHARE = 10  # looking takes at most this part of the time
_LONGEST: "Final" = 10**9  # milliseconds that poll is given
FAILED: "Final" = b"it has failed for good; svc -u starts it again"


class Waiting:
    """Services, and the state that is waited for.

    Attributes:
        services: those that could be opened.
    """

    __slots__ = (
        *("_before", "_fail", "_failed", "_goal", "_is_watching", "_look_every", "_over", "_poll", "_watch"),
        "services",
    )

    def __init__(self, names: list[bytes], goal: "Goal", fail: "Fail") -> None:
        """Open services, and look at them for the first time.

        Args:
            names: their directories.
            goal: the state.
            fail: called with a name and a reason when a service cannot become so, or
                when that cannot be found out.
        """
        self._goal, self._fail = goal, fail
        self._poll = select.poll()
        self._is_watching = False
        self._watch: FolderWatch | None = None
        self._look_every = LOOK_EVERY
        self._failed = set[bytes]()
        self._over = set[bytes]()  # they are as wanted, and their supervisors have left
        self._before: dict[bytes, Status | None] = {}
        self.services: list[WatchedService] = []
        for name in dict.fromkeys(names):
            service = WatchedService(name)
            if self._try(service, service.open) and self._try(service, service.look):
                self._poll.register(service.ok, 0)
                self._before[name] = service.status
                self.services.append(service)

    def missing(self) -> list[bytes]:
        """Return the names of the services that are not as wanted."""
        return [service.name for service in self.services if not self._is_reached(service)]

    def taken_for_ready(self) -> list[bytes]:
        """Return the names of those that cannot tell when they are ready, so that being up had to do."""
        return [
            service.name
            for service in self.services
            if service.status and self._goal.is_taken_for_ready(service.status)
        ]

    def fail(self, name: bytes, reason: ServiceError) -> None:
        """Note that a service cannot become so."""
        if name not in self._failed:
            self._failed.add(name)
            self._fail(name, reason)

    @property
    def has_failed(self) -> bool:
        """Whether a service cannot become so."""
        return bool(self._failed)

    def wait(self, deadline: float | None) -> bool:
        """Wait until all are as wanted, at most until a time of the steady clock; return whether they are.

        It returns at once when a service cannot become so.
        """
        self._give_up_hopeless()
        is_over = False
        while not self._failed:
            if not self.missing():
                return True
            if is_over:
                return False
            if not self._is_watching:
                self._begin_to_watch()
                continue
            left = None if deadline is None else deadline - monotonic()
            self._react(self._pause(left))
            is_over = left is not None and left <= 0
        return False

    def close(self) -> None:
        """Watch nothing any more: a signal that is late would end an interpreter that is ending."""
        for service in self.services:
            service.close()

    def _is_reached(self, service: WatchedService) -> bool:
        if service.name in self._over:
            return True
        status = service.status
        return status is not None and self._goal.is_reached(status, self._before[service.name])

    def _begin_to_watch(self) -> None:
        from ucspi.unix.folderwatch import FolderWatch  # often nobody has to wait

        self._is_watching = True
        try:
            self._watch = FolderWatch()
        except OSError:
            return  # no descriptor is left; so it looks from time to time
        self._poll.register(self._watch.fileno(), select.POLLIN)
        for service in self.services:
            service.watch_with(self._watch)
        self._look_at(self.services)

    def _pause(self, left: float | None) -> set[int]:
        """Wait for something; return the descriptors that have it."""
        pauses = [pause for pause in (left, self._next_look()) if pause is not None]
        limit = min(max(0, int(1000 * min(pauses)) + 1), _LONGEST) if pauses else None
        return {number for number, _ in self._poll.poll(limit)}

    def _next_look(self) -> float | None:
        watched = all(
            service.watch is not None for service in self.services if service.name not in self._over
        )
        return None if watched else self._look_every

    def _react(self, ready: set[int]) -> None:
        ended = [service for service in self.services if service.ok in ready]
        has_happened = self._watch is not None and self._watch.fileno() in ready
        if self._watch and has_happened:
            self._watch.clear()  # before the look: what happens during it counts
        begun = monotonic()
        self._look_at([service for service in self.services if has_happened or service.watch is None])
        self._look_every = max(LOOK_EVERY, _SHARE * (monotonic() - begun))
        for service in ended:
            if service.has_ended():
                self._see_end(service)

    def _look_at(self, services: list[WatchedService]) -> None:
        for service in services:
            if service.name not in self._over:
                self._try(service, service.look)
        self._give_up_hopeless()

    def _give_up_hopeless(self) -> None:
        for service in self.services:
            if service.status and self._goal.is_hopeless(service.status, self._before[service.name]):
                self.fail(service.name, ServiceError(FAILED))

    def _see_end(self, service: WatchedService) -> None:
        """Find out what the end of a supervisor means."""
        if not self._try(service, service.look):
            return
        if self._is_reached(service) and not self._goal.is_upward:
            self._over.add(service.name)  # it has left after its service, as with ``svc -dx``
            self._poll.unregister(service.ok)
            service.close()
        else:
            self._begin_again(service)  # with the next supervisor, if there is one

    def _begin_again(self, service: WatchedService) -> None:
        """Open a service whose supervisor, or whose directory ``supervise``, is another now."""
        self._poll.unregister(service.ok)
        try:
            service.open()
        except ServiceError as error:
            has_ended = error.step == controlfiles.NOT_RUNNING
            return self.fail(service.name, ServiceError(ENDED) if has_ended else error)
        self._poll.register(service.ok, 0)
        if self._watch:
            service.watch_with(self._watch)
        self._look_at([service])

    def _try(self, service: WatchedService, step: "Callable[[], None]") -> bool:
        try:
            step()
        except ServiceError as error:
            self.fail(service.name, error)
            return False
        return True
