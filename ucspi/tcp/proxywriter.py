"""Writing a header of the PROXY protocol: who our client is, for a server behind us.

It is made of the environment that a UCSPI tool gives to a program, ``PROTO``,
``TCPREMOTEIP`` and so on.  Without any of it nobody stands behind us, and the
header says that: UNKNOWN or LOCAL, whereupon the connection's own addresses count.
So it does for a client of a UNIX-domain socket, as HAProxy does.  What is there in
part is refused: the server must not take a client for us.

Source: HAProxy's doc/proxy-protocol.txt; HAProxy as a receiver.
"""

import _socket

from ucspi.decimal import whole_number
from ucspi.errors import ProxyHeaderError
from ucspi.unix.environ import value_of

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LOCAL, _PROXY = b"\x20", b"\x21"  # version 2 and a command
_UNSPECIFIED, _TCP4, _TCP6 = b"\x00", b"\x11", b"\x21"  # a family and a transport
_MAPPED = b"\0\0\0\0\0\0\0\0\0\0\xff\xff"
_PORT_MAX = 65535


def make_header(version: int, entries: list[bytes]) -> bytes:
    """Return a header.

    Args:
        version: 1 or 2.
        entries: the environment, ``NAME=VALUE`` each.

    Raises:
        ProxyHeaderError: a variable is missing, or holds no address or port.
    """
    protocol = value_of(entries, b"PROTO")
    if protocol == b"UNIX" or (protocol is None and value_of(entries, b"TCPREMOTEIP") is None):
        return b"PROXY UNKNOWN\r\n" if version == 1 else _SIGNATURE + _LOCAL + _UNSPECIFIED + b"\0\0"
    prefixes = [protocol or b"TCP", b"TCP"]
    source, destination = (_address(entries, prefixes, end) for end in (b"REMOTEIP", b"LOCALIP"))
    source_port, destination_port = (_port(entries, prefixes, end) for end in (b"REMOTEPORT", b"LOCALPORT"))
    if len(source) != len(destination):  # receivers take only addresses of one family
        source, destination = _in_ip6(source), _in_ip6(destination)
    if version == 1:
        family = b"TCP6" if len(source) == 16 else b"TCP4"
        ends = _shown(source), _shown(destination), source_port, destination_port
        return b"PROXY %b %b %b %d %d\r\n" % (family, *ends)
    family = _TCP6 if len(source) == 16 else _TCP4
    body = source + destination + source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")
    return _SIGNATURE + _PROXY + family + len(body).to_bytes(2, "big") + body


def _value(entries: list[bytes], prefixes: list[bytes], end: bytes) -> tuple[bytes, bytes]:
    """Return the name and the value of the first of some variables that is there."""
    for prefix in prefixes:
        value = value_of(entries, prefix + end)
        if value is not None:
            return prefix + end, value
    raise ProxyHeaderError(b"there is no %b in the environment" % (prefixes[0] + end))


def _address(entries: list[bytes], prefixes: list[bytes], end: bytes) -> bytes:
    """Return an address as 4 or 16 bytes; a mapped one as that of IPv4, and without its zone."""
    name, value = _value(entries, prefixes, end)
    family = _socket.AF_INET6 if b":" in value else _socket.AF_INET
    try:
        address = _socket.inet_pton(family, value.partition(b"%")[0].decode("ascii"))
    except (OSError, ValueError):
        raise ProxyHeaderError(b"%b is no address: %b" % (name, value[:100])) from None
    return address.removeprefix(_MAPPED) if len(address) == 16 else address


def _port(entries: list[bytes], prefixes: list[bytes], end: bytes) -> int:
    name, value = _value(entries, prefixes, end)
    number = whole_number(value, _PORT_MAX)
    if number is None:
        raise ProxyHeaderError(b"%b is no port: %b" % (name, value[:100]))
    return number


def _in_ip6(address: bytes) -> bytes:
    return address if len(address) == 16 else _MAPPED + address


def _shown(address: bytes) -> bytes:
    return _socket.inet_ntop(_socket.AF_INET6 if len(address) == 16 else _socket.AF_INET, address).encode()
