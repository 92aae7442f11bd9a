"""What a handshake has proved, as a value that needs no TLS to be read.

Only a certificate that OpenSSL has verified against the authorities of the operator is in it at all.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Subject = Iterable[Iterable[tuple[str, str]]]

# What a handler must never inherit, or hear from anybody else: these say who the client is.
NAMES = frozenset(
    (
        *(b"SSL_PROTOCOL", b"SSL_CIPHER", b"SSL_TLS_SNI_SERVERNAME", b"SSL_ALPN"),
        *(b"SSL_PEER_CERT_HASH", b"SSL_PEER_CERT_SUBJECT"),
    )
)
_PREFIXES = (b"SSL_PEER_", b"SSL_CLIENT_", b"SSL_SERVER_")
# The short names of RFC 4514 and of OpenSSL, for the long ones that Python gives.
_SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}
_NAME_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-._*")
_SPECIAL = frozenset('",+;<>=\\')


class Proven:
    """The facts about one connection after its handshake.

    Attributes:
        version: ``TLSv1.2`` or ``TLSv1.3``.
        cipher: the cipher suite, as OpenSSL calls it.
        server_name: the name that the client asked for (SNI), in lower case; empty: none.
        alpn: the protocol that was agreed upon; empty: none.
        hash: the SHA-256 of the client's certificate, 64 hexadecimal digits; empty: it has proved none.
        subject: the certificate's, as ``O=Test, CN=client one``; what looks like a separator is escaped.
        names: the DNS names of the certificate in lower case, in its order; without any, its common name.
        is_resumed: the session was begun by an earlier connection, which has proved this.
    """

    __slots__ = ("alpn", "cipher", "hash", "is_resumed", "names", "server_name", "subject", "version")

    def __init__(
        self,
        version: bytes,
        cipher: bytes,
        server_name: bytes = b"",
        alpn: bytes = b"",
        hash: bytes = b"",  # noqa: A002 - what it is
        subject: bytes = b"",
        names: "tuple[bytes, ...]" = (),
        *,
        is_resumed: bool = False,
    ) -> None:
        self.version, self.cipher, self.server_name, self.alpn = version, cipher, server_name, alpn
        self.hash, self.subject, self.names, self.is_resumed = hash, subject, names, is_resumed

    def pack(self) -> bytes:
        """Return it as bytes, for `unpack`."""
        texts = (self.version, self.cipher, self.server_name, self.alpn, self.hash, self.subject)
        return b"\0".join((*texts, b" ".join(self.names), b"1" if self.is_resumed else b""))

    def variables(self) -> list[tuple[bytes, bytes]]:
        """Return the variables for the handler; what was not proved has none."""
        pairs = [
            (b"SSL_PROTOCOL", self.version),
            (b"SSL_CIPHER", self.cipher),
            (b"SSL_TLS_SNI_SERVERNAME", self.server_name),
            (b"SSL_ALPN", self.alpn),
        ]
        if self.hash:
            pairs.append((b"SSL_PEER_CERT_HASH", b"SHA256:" + self.hash))
            pairs.append((b"SSL_PEER_CERT_SUBJECT", self.subject))
        return [(name, value) for name, value in pairs if value]


def unpack(packed: bytes) -> Proven:
    """Return what `Proven.pack` has packed.

    Raises:
        ValueError: it was something else.
    """
    version, cipher, server_name, alpn, digest, subject, names, resumed = packed.split(b"\0")
    proven = Proven(version, cipher, server_name, alpn, digest, subject, tuple(names.split()))
    proven.is_resumed = bool(resumed)
    return proven


def is_ours(name: bytes) -> bool:
    """Return whether a variable says what only a handshake may say."""
    return name in NAMES or name.startswith(_PREFIXES)


def subject_text(subject: "Subject") -> bytes:
    """Return a subject, as Python's ``ssl`` has it, in one line: ``O=Test, CN=client one``."""
    parts = [f"{_SHORT.get(kind, kind)}={_escaped(value)}" for level in subject for kind, value in level]
    return ", ".join(parts).encode("utf-8", "backslashreplace")


def _escaped(text: str) -> str:
    """Return a value in which no separator, and nothing that ends a line, stands by itself."""
    return "".join(_escaped_character(character) for character in text)


def _escaped_character(character: str) -> str:
    if character in _SPECIAL:
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "backslashreplace"))


def dns_names(certificate: "Mapping[str, object]") -> tuple[bytes, ...]:
    """Return the names of a certificate as Python's ``ssl`` has it; see `Proven.names`.

    One that is no host name, because it has a space or a NUL in it, is left out.
    """
    alternative = certificate.get("subjectAltName", ())
    assert isinstance(alternative, tuple), "Python gives pairs"
    dns = [value for kind, value in alternative if kind == "DNS"]
    if not dns:
        subject = certificate.get("subject", ())
        assert isinstance(subject, tuple), "Python gives tuples of pairs"
        dns = [value for level in subject for kind, value in level if kind == "commonName"]
    return tuple(name for name in map(host_name, dns) if name)


def host_name(text: str) -> bytes:
    """Return a host name in lower case; empty if it cannot be one."""
    name = text.encode("utf-8", "backslashreplace").lower().rstrip(b".")
    return name if _NAME_BYTES.issuperset(name) else b""
