"""The TLS of one connection, without its descriptor: bytes of the network here, plain ones there.

OpenSSL works on two buffers in memory, never on the socket itself.  When a client
closes its side without close_notify, OpenSSL would take that for an attack, refuse
to write, and send the client an alert in place of the answer.  So it is not told.

Its `unwrap` sends close_notify, and then reads, and drops what it does not expect.
So it is called once, when all that has come has been read; reading goes on behind it.
"""

import hashlib
import ssl

from ucspi.tls.proven import Proven, dns_names, host_name, subject_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tls.context import NamedObject

BLOCK = 65536  # bytes that are read or written at once; a record has 16,384 at most


class TlsError(Exception):
    """The other side does not speak TLS as it must; ``args[0]`` is a few words, in bytes."""


class Session:
    """One connection's TLS.

    Attributes:
        has_ended: the client has sent close_notify: no plain bytes will come.
        has_closed: we have: none can be sent.
    """

    __slots__ = ("_incoming", "_object", "_outgoing", "has_closed", "has_ended")

    def __init__(self, context: ssl.SSLContext) -> None:
        """Wait for a client's hello."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object: NamedObject = context.wrap_bio(  # type: ignore[assignment]
            self._incoming, self._outgoing, server_side=True
        )
        self.has_ended = self.has_closed = False

    def feed(self, block: bytes) -> None:
        """Take bytes that came from the network."""
        self._incoming.write(block)

    def waiting(self) -> int:
        """Return how many bytes are to be sent."""
        return self._outgoing.pending

    def take(self) -> bytes:
        """Return some bytes to be sent; empty: there are none."""
        return self._outgoing.read(BLOCK) if self._outgoing.pending else b""

    def shake(self) -> bool:
        """Go on with the handshake as far as what has come allows; return whether it is complete.

        Raises:
            TlsError: it has failed; an alert is to be sent.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except (ssl.SSLError, ValueError) as error:
            raise TlsError(_why(error)) from None
        return True

    def read(self) -> bytes:
        """Return plain bytes; empty: no more have come, or `has_ended`.

        Raises:
            TlsError: what came is damaged, or not ours; an alert is to be sent.
        """
        if self.has_ended:
            return b""
        try:
            block = self._object.read(BLOCK)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLZeroReturnError:
            block = b""
        except (ssl.SSLError, ValueError) as error:
            raise TlsError(_why(error)) from None
        if not block:
            self.has_ended = True
        return block

    def write(self, block: bytes) -> None:
        """Encrypt plain bytes.

        Raises:
            TlsError: nothing can be sent any more.
        """
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[self._object.write(rest) :]
        except ssl.SSLError as error:
            raise TlsError(_why(error)) from None

    def close(self) -> None:
        """Say that no more is sent.  All that has come must have been read; a second time does nothing."""
        if self.has_closed:
            return
        self.has_closed = True
        try:
            self._object.unwrap()
        except (ssl.SSLError, ValueError, OSError):
            pass  # the client has not said the same yet, or cannot be told anything

    def proven(self) -> Proven:
        """Return what the handshake has proved."""
        object_ = self._object
        cipher = object_.cipher()
        certificate = object_.getpeercert()  # it is empty where nobody was to be verified
        encoded = object_.getpeercert(binary_form=True) if certificate else None
        assert certificate is None or isinstance(certificate, dict), "the decoded form"
        proven = Proven(
            (object_.version() or "").encode(),
            cipher[0].encode() if cipher else b"",
            host_name(object_.asked_name or ""),
            (object_.selected_alpn_protocol() or "").encode(),
            is_resumed=bool(object_.session_reused),
        )
        if certificate and encoded:
            proven.hash = hashlib.sha256(encoded).hexdigest().encode()
            proven.subject = subject_text(certificate.get("subject", ()))  # type: ignore[arg-type]
            proven.names = dns_names(certificate)
        return proven


def _why(error: Exception) -> bytes:
    """Return a few words about a failure of OpenSSL."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return b"the client's certificate: " + error.verify_message.encode()
    reason = getattr(error, "reason", None) or "protocol error"
    return reason.replace("_", " ").lower().encode("ascii", "replace")
