"""The listening sockets of a service as its file ``sockets`` wants them (`ucspi.service.listensockets`)."""

import os

from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.conductedsupervisor import ConductedSupervisor
    from ucspi.service.handedon import HandedOn
    from ucspi.service.listensockets import ListenSockets


class KeptSockets:
    """Those of the service of one supervisor; most have none."""

    __slots__ = ("_sockets", "_supervisor", "_watched")

    def __init__(self, supervisor: "ConductedSupervisor") -> None:
        """Open none yet."""
        self._supervisor = supervisor
        self._sockets: ListenSockets | None = None
        self._watched: list[int] = []

    def tend(self) -> None:
        """Set right what the last run has done to them, and wait for clients no more."""
        self.unwatch()
        if self._sockets:
            self._sockets.tend()

    def are_lacking(self) -> bool:
        """Return whether they are not yet those that the service asks for."""
        sockets, wishes = self._sockets, self._supervisor.wishes
        if not wishes.wants_sockets:
            return False
        return not (sockets and wishes.sockets and sockets.are(wishes.sockets))

    def must_change(self) -> bool:
        """Return whether `change` may have something to do."""
        is_rid_of = self._sockets is None or self._sockets.are(())
        return self.are_lacking() or not (self._supervisor.wishes.wants_sockets or is_rid_of)

    def change(self) -> None:
        """Open and close what is to be; this may wait for the disk, and is done aside."""
        supervisor = self._supervisor
        places = supervisor.wishes.sockets
        if self._sockets is None and places:
            from ucspi.service.listensockets import ListenSockets

            self._sockets = ListenSockets(supervisor.name, _warn)
        if self._sockets and (places or _is_missing(b"sockets", supervisor.directory.fd)):
            self._sockets.become(places)

    def watch(self, came: "Callable[[], object]") -> None:
        """Call a function once, when a client comes; none is accepted here."""
        loop = self._supervisor.loop
        self.unwatch()

        def stop_and_tell() -> None:
            self.unwatch()  # who runs then sees to the clients; the sockets may stay readable
            came()

        if self._sockets and loop:
            for number in self._sockets.numbers():
                loop.on_readable(number, stop_and_tell)
                self._watched.append(number)

    def unwatch(self) -> None:
        """Wait for clients no more; call it before anything is changed or closed."""
        loop = self._supervisor.loop
        while self._watched and loop:
            loop.stop_watching(self._watched.pop())

    def hand_on(self, given: "HandedOn") -> None:
        """Give them to ``run``."""
        if self._sockets:
            self._sockets.hand_on(self._supervisor.wishes.sockets, given)

    def close(self) -> None:
        """Close them; this may wait for the disk."""
        if self._sockets:
            self._sockets.close()


def _is_missing(name: bytes, folder: int) -> bool:
    """Return whether there is certainly no such file; a file server may be out of reach."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def _warn(text: bytes) -> None:
    say_soon(b"supervise: warning: " + text)
