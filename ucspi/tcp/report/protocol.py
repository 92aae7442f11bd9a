"""The interface of every report.  Only type checkers read this module."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from ucspi.tcp.connection import Connection

    class Report(Protocol):
        """Writes down what happens in a server, in a format of its own.

        A participle or an adjective names an event: what the server is
        (``listening``, ``full``, ``draining``), or what was done with a client
        or its handler (``admitted``, ``denied``, ``ended``, ``expired``).  ``flush`` and
        ``warn`` are orders.  ``children`` is how many clients there are after
        the event.
        """

        def listening(self, children: int) -> None:
            """The server accepts clients from now on."""

        def admitted(self, connection: Connection, children: int) -> None:
            """A client was accepted; the report may wait for the next event before it writes this one."""

        def flush(self) -> None:
            """Write what still waits for the next event."""

        def starting(self, connection: Connection) -> bytes:
            """Its handler is about to be started.

            Returns the lines that the handler's process writes before it
            executes, `classiclines.PID` where its pid belongs.
            """
            ...

        def denied(self, connection: Connection, children: int, why: bytes = b"") -> None:
            """The client was turned away, by the rules, or by the limit ``why``."""

        def dropped(self, connection: Connection, children: int, reason: bytes) -> None:
            """The client was cut off, because it could not be judged or greeted."""

        def checked(self, connection: Connection) -> None:
            """A balancer has connected for itself, to see whether we live; it was not a client."""

        def failed(self, connection: Connection, error: OSError, children: int) -> None:
            """No process could be made for the client's handler."""

        def ended(self, ends: Iterable[tuple[int, int, int, Connection]]) -> None:
            """Handlers have ended: for each its pid, its wait status, the clients left, and its client."""

        def expired(self, connection: Connection, limit: bytes, seconds: int) -> None:
            """The client's time is over: its handler got SIGTERM.

            Args:
                connection: the client.
                limit: ``max-time``, ``MAXTIME`` of a rule, or ``idle-time``.
                seconds: what that is.
            """

        def killing(self, connection: Connection) -> None:
            """Its handler has not ended, and is killed."""

        def full(self, held: Iterable[tuple[bytes, int]]) -> None:
            """The limit is reached; the addresses with most clients, and how many each has."""

        def draining(self, children: int) -> None:
            """The server accepts no more clients, and waits for its handlers."""

        def warn(self, text: bytes) -> None:
            """Write a warning about a trouble that no single client has caused."""
