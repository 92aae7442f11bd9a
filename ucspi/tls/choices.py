"""What the operator wants of TLS, as the command line says it."""

from ucspi.unix.privilege import Identity

OPTIONAL, REQUIRED = b"optional", b"required"


class TlsChoices:
    """The choices for one server.

    Attributes:
        certificates: pairs of a file with a certificate and its chain, and the file of its key; the first
            is shown to who asks for no name, or for one that nobody has.
        directory: more of them, see `ucspi.tls.certificates`; None: there is none.
        client_ca: the authorities whose clients are believed; None: clients are not asked for certificates.
        client: ``optional`` or ``required``: whether a client must have one.
        has_client: the command line says which of them.
        is_13_only: whether TLS 1.2 is refused.
        is_asked: the command line says that there is TLS at all.
        alpn: the protocols, in the order in which they are preferred.
        is_socketpair: whether handlers get a pair of sockets, not two pipes.
        identity: the ids of the process that moves the bytes.
        processes: how many of it there are.
        timeout: seconds for a handshake.
    """

    __slots__ = (
        *("alpn", "certificates", "client", "client_ca", "directory", "has_client", "identity"),
        *("is_13_only", "is_asked", "is_socketpair", "processes", "timeout"),
    )

    def __init__(self) -> None:
        self.certificates: list[tuple[bytes, bytes]] = []
        self.directory: bytes | None = None
        self.client_ca: bytes | None = None
        self.client, self.has_client = REQUIRED, False
        self.is_13_only, self.is_asked = False, True
        self.alpn: list[bytes] = []
        self.is_socketpair = False
        self.identity: Identity | None = None
        self.processes = 1
        self.timeout = 26.0  # as sslserver of ucspi-ssl
