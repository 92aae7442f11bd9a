"""What `ucspi.service.conduct` needs of a supervisor, for type checkers."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ucspi.service.eventloop import EventLoop
    from ucspi.service.servicedir import ServiceDirectory
    from ucspi.service.statuspublisher import StatusPublisher
    from ucspi.service.wishes import Wishes

    class ConductedSupervisor(Protocol):
        """What is needed of `ucspi.service.supervisor.Supervisor`."""

        directory: ServiceDirectory
        has_ended: bool
        loop: EventLoop | None
        pid: int
        process: int
        publisher: StatusPublisher
        wishes: Wishes

        @property
        def name(self) -> bytes:
            """See `HeldService`, as for all others."""
            ...

        def is_in(self, flags: int) -> bool:
            """See there."""
            ...

        def send(self, number: int) -> None:
            """See there."""
            ...

        def happen(self, event: str) -> None:
            """See there."""
            ...

        def fall_due(self, event: str) -> None:
            """See there."""
            ...

        def nudge(self) -> None:
            """See there."""
            ...
