"""Reads the options of tcpserver for TLS."""

from ucspi.errors import CertificateError
from ucspi.programs._program import fatal
from ucspi.programs._tcpserver_values import PROGRAM, find_user, number, usage_error
from ucspi.tls.choices import OPTIONAL, REQUIRED, TlsChoices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.server.settings import Settings
    from ucspi.tcp.server.tlslink import StartedKeeper
    from ucspi.unix.privilege import Identity

_PROCESSES_MOST = 64
_ALPN_MOST = 255  # bytes of the name of a protocol (RFC 7301)


def apply(settings: "Settings", word: bytes, value: bytes) -> None:
    """Set what an option says; any of them asks for TLS.

    Raises:
        Stop: its value is not valid; exit code 100, or 111 for an unknown user.
    """
    if settings.tls is None:
        settings.tls = TlsChoices()
        settings.tls.is_asked = False
    tls = settings.tls
    if word == b"tls":
        tls.is_asked = True
    elif word == b"tls-cert":
        tls.certificates.append(_files(value))
    elif word == b"tls-dir":
        tls.directory = _named(word, value)
    elif word == b"tls-client-ca":
        tls.client_ca = _named(word, value)
    elif word == b"tls-client":
        if value not in (OPTIONAL, REQUIRED):
            raise _wrong(word, b"optional or required", value)
        tls.client, tls.has_client = value, True
    elif word == b"tls-min":
        if value not in (b"1.2", b"1.3"):
            raise _wrong(word, b"1.2 or 1.3", value)
        tls.is_13_only = value == b"1.3"
    elif word == b"tls-alpn":
        tls.alpn = _protocols(word, value)
    elif word == b"tls-socketpair":
        tls.is_socketpair = True
    elif word == b"tls-user":
        if value.isdigit():
            raise _wrong(word, b"NAME or NAME:GROUP", value)  # a number has no group
        tls.identity = find_user(value)
    elif word == b"tls-processes":
        tls.processes = number(word, value)
        if not 1 <= tls.processes <= _PROCESSES_MOST:
            raise _wrong(word, b"a number from 1 to %d" % _PROCESSES_MOST, value)
    else:
        tls.timeout = number(word, value)
        if not tls.timeout:
            raise usage_error(b"--timeout-tls 0 would wait for no handshake; give 1 or more")


def require_whole(tls: TlsChoices) -> None:
    """Refuse options that have no effect, or lack what they need.

    Raises:
        Stop: exit code 100.
    """
    if not tls.is_asked:
        raise usage_error(b"an option of TLS needs --tls")
    if not tls.certificates and tls.directory is None:
        raise usage_error(b"--tls needs --tls-cert or --tls-dir")
    if tls.client_ca is None and tls.has_client:
        raise usage_error(b"--tls-client needs --tls-client-ca")


def start_keeper(tls: TlsChoices, identity: "Identity") -> "StartedKeeper":
    """Start the process that reads the certificates, while we have our first rights.

    Args:
        tls: the choices.
        identity: the server's own ids, which TLS processes take if no others were given.

    Raises:
        Stop: a certificate cannot be used, or no process can be made; exit code 111.
    """
    from ucspi.tcp.server.tlslink import StartedKeeper

    if tls.identity is None:
        tls.identity = identity
    try:
        return StartedKeeper(tls)
    except CertificateError as error:
        raise fatal(PROGRAM, b"unable to use TLS: " + error.reason) from None
    except OSError as error:
        raise fatal(PROGRAM, b"unable to start the TLS process", error) from None


def _files(value: bytes) -> tuple[bytes, bytes]:
    """Read ``FILE`` or ``FILE:KEY``."""
    certificate, colon, key = value.partition(b":")
    if not certificate or (colon and not key):
        raise _wrong(b"tls-cert", b"FILE or FILE:KEY", value)
    return certificate, key or certificate


def _named(word: bytes, value: bytes) -> bytes:
    if not value:
        raise _wrong(word, b"a name", value)
    return value


def _protocols(word: bytes, value: bytes) -> list[bytes]:
    protocols = value.split(b",")
    if not all(0 < len(protocol) <= _ALPN_MOST and protocol.isascii() for protocol in protocols):
        raise _wrong(word, b"names with commas between them, such as smtp,imap", value)
    return protocols


def _wrong(word: bytes, wanted: bytes, value: bytes) -> Exception:
    return usage_error(b"--%s wants %s, not %s" % (word, wanted, value[:100] or b"nothing"))
