"""The stage of a TLS handshake: behind the verdict about an address, and in front of the handler.

A client in it is none of the children that ``-c`` counts.  It holds a pending place, as one
does that has not said yet who it is, and its connection belongs to a TLS process.  When
the handshake is done it waits for room like the others, is counted again, and comes under
the limits again: more of the kind may have come meanwhile.
"""

import _socket
import errno
import os

from ucspi.tcp.server.pending import Step
from ucspi.tcp.server.tlslink import begin
from ucspi.tls.channel import ABANDON, HANDLE
from ucspi.tls.proven import is_ours
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.connection import Connection
    from ucspi.tcp.server.pending import Drop, Pending
    from ucspi.tcp.server.settings import Settings
    from ucspi.tcp.server.tlslink import TlsLink, TlsProcesses
    from ucspi.tls.proven import Proven

    Assignments = tuple[tuple[bytes, bytes], ...]
    Ready = Callable[[Connection], object]
    Fail = Callable[[Connection, OSError | MemoryError], object]


class Secured:
    """The TLS of one connection, as the server sees it.

    Attributes:
        assignments: those of the rule that has allowed the address.
        seconds: the time that it gives; None: it does not say.
        identity: what the connection is known by to the kernel, for limits of time; may be empty.
        proven: what the handshake has proved; None: it is not done.
        rule: what the verdict about that was decided by; None: no rule, or none yet.
    """

    __slots__ = (
        *("_last_words", "_link", "_number", "_processes"),
        *("assignments", "identity", "proven", "rule", "seconds"),
    )

    def __init__(
        self, processes: "TlsProcesses", assignments: "Assignments", seconds: int | None, identity: bytes
    ) -> None:
        self._processes, self._number = processes, processes.new_number()
        self._link: TlsLink | None = None
        self._last_words = b""
        self.assignments, self.seconds, self.identity = assignments, seconds, identity
        self.proven: Proven | None = None
        self.rule: bytes | None = None

    def begin(self, connection: "Connection", answer: "Callable[[Proven | None, bytes], object]") -> None:
        """Give the connection to a TLS process, now or when there is one."""

        def ready(link: "TlsLink") -> None:
            self._link = link
            begin(link, self._number, connection.release(), answer)

        self._processes.give(self._number, ready)

    def say(self, text: bytes) -> None:
        """Have the client get a text before `close` ends its connection."""
        self._last_words = text

    def close(self) -> None:
        """End the connection, unless it has a handler."""
        self._processes.take_back(self._number)
        link, self._link = self._link, None
        if link is not None:
            link.channel.send(ABANDON, self._number, self._last_words if self.proven else b"")
            link.forget(self._number)

    def lose(self) -> None:
        """Note that the TLS process has ended the connection."""
        self._link = None

    def is_open(self) -> bool:
        """Return whether `close` has something to end."""
        return self._link is not None

    def hand_over(self, connection: "Connection", greeting: bytes, *, is_pair: bool) -> None:
        """Give the connection descriptors for its handler, behind which the TLS process moves its bytes.

        Raises:
            OSError: there is no descriptor left; the connection has been closed.
        """
        if self._link is None:
            raise OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        try:
            if is_pair:
                theirs, ours = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
                connection.descriptor = theirs.detach()
                ends: tuple[int, ...] = (ours.detach(),)
            else:
                connection.descriptor, to_handler = os.pipe()
                try:
                    from_handler, connection.output = os.pipe()
                except OSError:
                    os.close(to_handler)
                    raise
                ends = to_handler, from_handler
        except OSError:
            connection.close()
            raise
        link, self._link = self._link, None
        link.channel.send(HANDLE, self._number, greeting, ends)
        link.forget(self._number)

    def certificate(self) -> tuple[bytes | None, tuple[bytes, ...]]:
        """Return the fingerprint of the certificate, None if the client has shown none, and its names."""
        assert self.proven is not None, "the handshake is done"
        return self.proven.hash or None, self.proven.names

    def add_to(self, variables: dict[bytes, bytes]) -> None:
        """Add what was proved to variables; what anybody else says of it is removed."""
        for name in [name for name in variables if is_ours(name)]:
            del variables[name]
        if self.proven is not None:
            variables.update(self.proven.variables())

    def fields(self) -> dict[bytes, bytes | None]:
        """Return what was proved, for JSON."""
        proven = self.proven
        if proven is None:
            return {}
        return {
            b"tls_version": proven.version,
            b"tls_cipher": proven.cipher,
            b"tls_server_name": proven.server_name or None,
            b"tls_alpn": proven.alpn or None,
            b"tls_cert_hash": proven.hash or None,
            b"tls_cert_subject": proven.subject if proven.hash else None,
            b"tls_rule": self.rule,
            b"tls_cert_names": b" ".join(proven.names) if proven.hash else None,
        }


class Handshakes:
    """The stage in which connections become those of TLS."""

    __slots__ = ("_drop", "_fail", "_know", "_pending", "_processes", "_timeout")

    def __init__(
        self,
        settings: "Settings",
        processes: "TlsProcesses",
        pending: "Pending",
        know: "Ready",
        drop: "Drop",
        fail: "Fail",
    ) -> None:
        """Have no connection yet.

        Args:
            settings: the time for a handshake.
            processes: do it.
            pending: the places.
            know: called with a client that is done, and still has its place.
            drop: closes a client and reports the reason.
            fail: closes a client because memory ran out.
        """
        assert settings.tls is not None, "this stage is for TLS"
        self._timeout = settings.tls.timeout
        self._processes, self._pending = processes, pending
        self._know, self._drop, self._fail = know, drop, fail

    def begin(
        self, connection: "Connection", assignments: "Assignments", seconds: int | None, identity: bytes
    ) -> None:
        """Take a client that its address allows.

        Raises:
            MemoryError: the client is still the caller's.
        """
        connection.tls = secured = Secured(self._processes, assignments, seconds, identity)
        if not self._processes.can_start():
            self._drop(connection, b"there is no TLS process any more")
            return
        try:
            self._pending.hold(_Shaking(connection), self._timeout)
        except OSError as error:
            self._drop(connection, b"unable to wait for its TLS handshake: " + describe(error.errno))
            return

        def answer(proven: "Proven | None", reason: bytes) -> None:
            if proven is None:
                self._pending.release(connection)
                secured.lose()
                self._drop(connection, b"TLS with %s: %s" % (connection.remote_ip, reason))
            else:
                secured.proven = proven
                try:
                    self._know(connection)
                except MemoryError as error:
                    self._fail(connection, error)

        secured.begin(connection, answer)


class _Shaking(Step):
    """A client whose handshake goes on in a TLS process."""

    __slots__ = ()
    is_watched = False

    def go_on(self) -> None:
        """Do nothing: the TLS process reads what comes."""

    def what_came(self) -> bytes:
        """Return what is missing."""
        return b"no TLS handshake with %s was done" % self.connection.remote_ip
