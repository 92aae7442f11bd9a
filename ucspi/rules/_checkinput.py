"""Checks of what callers pass in: it must be bytes, and a client's address must be an address."""

from ucspi.errors import BadAddressError

UNIX = b"unix."  # before a user's number: the address of a client of a UNIX-domain socket
TLS = b"tls+"  # before a name or a fingerprint: the address of a rule about a certificate
NO_SCOPE = b" \t\r\n\0%,/"


def require_bytes(what: str, value: object) -> None:
    """Raise a TypeError, which says what to do, unless a value is bytes."""
    if not isinstance(value, bytes):
        advice = ": encode it first, for example with .encode()" if isinstance(value, str) else ""
        raise TypeError(f"{what} must be bytes, not {type(value).__name__}{advice}")


def require_client(ip: bytes, host: bytes | None, info: bytes | None) -> None:
    """Raise a TypeError unless ``ip`` is bytes, and ``host`` and ``info`` are bytes or None."""
    if type(ip) is bytes and host is info is None:
        return  # so it is for nearly every client
    require_bytes("ip", ip)
    if host is not None:
        require_bytes("host", host)
    if info is not None:
        require_bytes("info", info)


def require_address(ip: bytes) -> None:
    """Raise a `BadAddressError` unless this is an address; see `is_address`.

    Anything else might match the rule of a prefix, as ``127.evil`` matches ``127.``.
    """
    if not is_address(ip):
        raise BadAddressError(ip)


def is_address(ip: bytes) -> bool:
    """Return whether this is the address of a client as the system or tcpserver writes it.

    That is ``10.1.2.3``, an IPv6 address in any legal spelling, also with a
    scope (``fe80::1%eth0``), or ``unix.1000``.
    """
    require_bytes("ip", ip)
    if ip[:5] == UNIX:
        return ip[5:].isdigit() and (ip[5:6] != b"0" or ip == b"unix.0")
    address, percent, scope = ip.partition(b"%")
    if percent and (b":" not in address or not scope or len(scope.translate(None, NO_SCOPE)) < len(scope)):
        return False
    return _is_ip(address)


def _is_ip(ip: bytes) -> bool:
    from _socket import AF_INET, AF_INET6, inet_pton  # here, as compilers need none of it

    try:
        inet_pton(AF_INET6 if b":" in ip else AF_INET, ip.decode())
    except (OSError, ValueError):
        return False
    return True
