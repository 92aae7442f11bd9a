"""The certificates of a server: files become contexts, one for each set of names.

A directory has a file ``ANYTHING.pem`` for each certificate, with the chain behind it and
the key in it or in ``ANYTHING.key`` beside it; or a folder with ``fullchain.pem`` and
``privkey.pem``.  The names are those in the certificate.  What begins with a dot is passed over.

Certificates of the same names share a context, so one of each kind of key may be given.
"""

import os
import ssl
from ssl import _ssl  # type: ignore[attr-defined]
from stat import S_ISREG

from ucspi.errors import CertificateError
from ucspi.tls.context import new_context
from ucspi.tls.proven import dns_names, host_name
from ucspi.unix.errtext import describe
from ucspi.unix.regularfile import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.tls.choices import TlsChoices

    Files = tuple[bytes, bytes]

LARGEST = 4 << 20  # bytes of a file; all authorities of a system are some 200 kB
CHAIN, KEY = b"fullchain.pem", b"privkey.pem"


class Certificates:
    """All contexts of a server, as its files were.

    Attributes:
        context: what a client gets that asks for no name that is known.
    """

    __slots__ = ("_by_name", "context")

    def __init__(self, choices: "TlsChoices") -> None:
        """Read all files.

        Raises:
            CertificateError: one of them is not sound, or there is none.
        """
        self._by_name: dict[bytes, ssl.SSLContext] = {}
        contexts: dict[tuple[bytes, ...], ssl.SSLContext] = {}
        for files in certificate_files(choices):
            names = _names(files[0])
            context = contexts.get(names)
            if context is None:
                context = contexts[names] = _context(choices)
                for name in names:
                    self._by_name.setdefault(name, context)
            _load(context, files)
        if not contexts:
            raise CertificateError(b"%s: it has no certificate (NAME.pem)" % (choices.directory or b""))
        self.context = next(iter(contexts.values()))
        if len(contexts) > 1:
            self.context.sni_callback = self._choose
        else:
            self.context.sni_callback = _note

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Let a connection have the certificate of the name that its client asks for."""
        _note(connection, name, context)
        if name is not None:
            found = self.find(host_name(name))
            if found is not None:
                connection.context = found

    def find(self, name: bytes) -> ssl.SSLContext | None:
        """Return the context for a name in lower case, or for the wildcard above it; None: there is none."""
        found = self._by_name.get(name)
        if found is None:
            _, dot, parent = name.partition(b".")
            found = self._by_name.get(b"*." + parent) if dot else None
        return found


def _note(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    connection.asked_name = name  # type: ignore[attr-defined]


def certificate_files(choices: "TlsChoices") -> "Iterator[Files]":
    """Yield the files of each certificate and of its key, the first one first.

    Raises:
        CertificateError: the directory cannot be read.
    """
    yield from choices.certificates
    if choices.directory is None:
        return
    try:
        names = sorted(os.listdir(choices.directory))
    except OSError as error:
        raise CertificateError(choices.directory + b": " + describe(error.errno)) from None
    for name in names:
        path = os.path.join(choices.directory, name)
        if name.startswith(b"."):
            continue
        if name.endswith(b".pem"):
            key = path.removesuffix(b".pem") + b".key"
            yield path, key if os.path.exists(key) else path
        elif os.path.exists(os.path.join(path, CHAIN)):
            yield os.path.join(path, CHAIN), os.path.join(path, KEY)


def seen(choices: "TlsChoices") -> object:
    """Return how all files are now: equal objects mean that nothing has changed."""
    paths = {path for files in choices.certificates for path in files}
    if choices.client_ca is not None:
        paths.add(choices.client_ca)
    try:
        paths.update(path for files in certificate_files(choices) for path in files)
    except CertificateError:
        pass  # the directory is none now: that is another state, too
    return {path: _state(path) for path in paths}


def _state(path: bytes) -> "tuple[int, ...]":
    try:
        return state_of(os.stat(path))
    except OSError as error:
        return (error.errno or 0,)


def _context(choices: "TlsChoices") -> ssl.SSLContext:
    if choices.client_ca is not None:
        _require_file(choices.client_ca)
    try:
        return new_context(choices)
    except OSError as error:
        why = _why(error, b"it has no certificate")
        raise CertificateError(b"%s: %s" % (choices.client_ca, why)) from None


def _names(path: bytes) -> tuple[bytes, ...]:
    """Return the names of the first certificate in a file, sorted."""
    _require_file(path)
    try:
        # The decoder that Python's own tests use.  Through a handshake an expired one would have no names.
        decoded = _ssl._test_decode_cert(os.fsdecode(path))
    except (OSError, ValueError) as error:
        raise CertificateError(b"%s: %s" % (path, _why(error, b"it has no certificate"))) from None
    return tuple(sorted(set(dns_names(decoded))))


def _load(context: ssl.SSLContext, files: "Files") -> None:
    certificate, key = files
    _require_file(key)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _EncryptedKeyError:
        raise CertificateError(b"%s: the key needs a password" % key) from None
    except (OSError, ValueError) as error:
        why = _why(error, b"it has no key")
        if b"key values mismatch" in why:
            why = b"it is not the key of " + certificate
        raise CertificateError(b"%s: %s" % (key, why)) from None


class _EncryptedKeyError(Exception):
    """A key needs a password."""


def _no_password() -> str:
    """Refuse, where OpenSSL would ask the terminal."""
    raise _EncryptedKeyError


def _require_file(path: bytes) -> None:
    """Refuse what would be waited for, or is too large to be meant."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CertificateError(path + b": " + describe(error.errno)) from None
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not S_ISREG(status.st_mode):
        raise CertificateError(path + b": not a regular file")
    if status.st_size > LARGEST:
        raise CertificateError(path + b": it is larger than 4 megabytes")


def _why(error: Exception, otherwise: bytes) -> bytes:
    """Return a few words about a failure."""
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or "NO_START_LINE"
        is_none = reason in ("NO_START_LINE", "PEM_LIB")
        return otherwise if is_none else reason.replace("_", " ").lower().encode()
    if isinstance(error, OSError) and error.errno:
        return describe(error.errno)
    return otherwise
