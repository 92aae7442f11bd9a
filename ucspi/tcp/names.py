"""Host names of addresses, from the system resolver.

These functions block, so threads of a helper process call them
(`ucspi.tcp.resolver`).  The owner of an address chooses its name, so every name
is cleaned before anybody uses it.
"""

import _socket

TRY_AGAIN, INTERNAL = 2, -1  # h_errno: no answer; a failure inside the C library.  Source: netdb.h
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def clean(name: bytes) -> bytes:
    r"""Return a name in lower case, bytes outside ``a-z0-9-_.`` as ``\ooo``."""
    return escape(name.lower())


def escape(text: bytes) -> bytes:
    r"""Return a text with the bytes outside ``A-Za-z0-9-_.`` as ``\ooo``."""
    if _PLAIN.issuperset(text):
        return text
    return b"".join(b"%c" % byte if byte in _PLAIN else b"\\%03o" % byte for byte in text)


def find(ip: bytes) -> bytes | None:
    """Return the host name of an address, empty when it has none, None when there is no answer.

    ``getnameinfo`` would do the same, but until CPython 3.11.4 it blocks all threads.
    """
    try:
        host = _socket.gethostbyaddr(ip)[0]  # type: ignore[arg-type]  # a str would go through a codec
    except _socket.herror as error:
        if error.errno == INTERNAL:
            return _find_with_room(ip)
        return None if error.errno == TRY_AGAIN else b""
    except OSError:
        return None
    return clean(host.encode("utf-8", "surrogateescape"))


def _find_with_room(ip: bytes) -> bytes | None:
    """Find a name with more aliases in ``/etc/hosts`` than fit into the buffer of CPython."""
    try:
        host, _ = _socket.getnameinfo((ip.decode(), 0), _socket.NI_NAMEREQD)
    except OSError as error:
        return b"" if error.errno == _socket.EAI_NONAME else None
    return clean(host.encode("utf-8", "surrogateescape"))


def reverse(ip: bytes) -> bytes | None:
    """Return the host name of an address, None when it has none or there is no answer."""
    return find(ip) or None


def reverse_checked(ip: bytes) -> bytes | None:
    """Return the host name of an address if that address is among those of the name, else None."""
    host = reverse(ip)
    if host is None or ip not in _addresses(host):
        return None
    return host


def _addresses(host: bytes) -> set[bytes]:
    try:
        found = _socket.getaddrinfo(host, None, 0, _socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(entry[4][0]).encode() for entry in found}
