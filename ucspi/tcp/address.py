"""Host and port operands, parsed as the original parses them."""

import _socket
import errno

from ucspi.decimal import DIGITS, first_digits
from ucspi.errors import BadPortError, NoAddressError

PORT_MAX, OCTET_MAX = 65535, 255
NUMBER_MAX = 18  # digits that are looked at
LABEL_MAX, NAME_MAX = 63, 255  # bytes in DNS: of a label, and of a name with its length bytes
_NO_ADDRESS = (_socket.EAI_NONAME, _socket.EAI_NODATA, _socket.EAI_ADDRFAMILY)
_LITERAL = frozenset(DIGITS + b".[]")


def parse_port(operand: bytes) -> int:
    """Return the port number for an operand.

    Digits are a number; an empty operand is 0, which means any free port.
    Anything else is the name of a TCP service.

    Raises:
        BadPortError: the number is above 65535.  The original counts modulo
            65536, and so uses an unexpected port.
        OSError: there is no such service.
    """
    if all(byte in DIGITS for byte in operand):
        return require_port(first_digits(operand, NUMBER_MAX))
    if b"\0" in operand:
        raise OSError("service/proto not found")  # the message for any unknown name
    return _socket.getservbyname(operand.decode("latin-1"), "tcp")


def require_port(number: int) -> int:
    """Return the number if it is a port; raise `BadPortError` if it is not."""
    if not 0 <= number <= PORT_MAX:
        raise BadPortError(number)
    return number


def parse_literal(operand: bytes) -> bytes | None:
    """Return the IPv4 address that an operand spells, or None when it is a name.

    An empty operand and ``0`` mean every address.  An operand of digits, dots
    and brackets only is an address; numbers after the fourth are ignored.

    Raises:
        NoAddressError: an address with fewer than four numbers, or with one
            above 255, which the original counts modulo 256.
    """
    if operand in (b"", b"0"):
        return b"0.0.0.0"
    if not _LITERAL.issuperset(operand):
        return None
    return _quads(operand)[0]


def _quads(literal: bytes) -> list[bytes]:
    """Return the IPv4 addresses in a text of digits, dots and brackets; a rest is ignored."""
    groups = [group.strip(b"[]") for group in literal.split(b".")]
    quads = []
    while len(groups) >= 4 and all(group.isdigit() for group in groups[:4]):
        numbers = [first_digits(group, NUMBER_MAX) for group in groups[:4]]
        if max(numbers) > OCTET_MAX:
            raise NoAddressError(literal)
        quads.append(b"%d.%d.%d.%d" % (*numbers,))
        del groups[:4]
    if not quads:
        raise NoAddressError(literal)
    return quads


def resolve(operand: bytes) -> bytes:
    """Return the first address of a host operand as text, IPv4 before IPv6.

    An IPv6 address means itself, also in brackets or with a zone
    (``fe80::1%eth0``); ``::`` is every address, of IPv4 too.  The system
    resolver looks up names, so ``/etc/hosts`` applies.

    Raises:
        NoAddressError: the name has no address, or does not exist.
        OSError: there is no answer now; EPROTO where the name is too long for DNS.
    """
    if b":" in operand:
        return _parse_ip6(operand)
    literal = parse_literal(operand)
    if literal is not None:
        return literal
    return min(look_up(operand), key=lambda ip: b":" in ip)


def resolve_all(operand: bytes) -> list[bytes]:
    """Return every address of a host operand as text, in the order to try them.

    An empty operand and ``0`` mean 127.0.0.1.  An operand may spell several
    IPv4 addresses, as in ``1.2.3.4.5.6.7.8``.  The addresses of a name come in
    the order of the system resolver.

    Raises:
        NoAddressError: the name has no address, or does not exist.
        OSError: there is no answer now; EPROTO where the name is too long for DNS.
    """
    spelled = parse_addresses(operand)
    return look_up(operand) if spelled is None else spelled


def parse_addresses(operand: bytes) -> list[bytes] | None:
    """Return the addresses that a host operand spells, as `resolve_all` does; None when it is a name.

    Raises:
        NoAddressError: it is neither.
    """
    if b":" in operand:
        return [_parse_ip6(operand)]
    if operand in (b"", b"0"):
        return [b"127.0.0.1"]
    return _quads(operand) if _LITERAL.issuperset(operand) else None


def look_up(name: bytes) -> list[bytes]:
    """Return the addresses that the system resolver finds, each once, in its order.

    The name may also be an address, even a short one such as ``127.1``.  Of an
    address with a zone, the result lacks the zone.

    Raises:
        NoAddressError: the name has no address, or does not exist.
        OSError: there is no answer now; EPROTO where the name is too long for DNS.
    """
    if b"\0" in name:  # the resolver would look up only what stands before it
        raise NoAddressError(name)
    try:
        found = _socket.getaddrinfo(name, None, 0, _socket.SOCK_STREAM)
    except _socket.gaierror as error:
        if not _fits_dns(name):  # the original does not call this "no address"
            raise OSError(errno.EPROTO, str(error)) from error
        if error.errno in _NO_ADDRESS:
            raise NoAddressError(name) from error
        raise OSError(errno.EAGAIN, str(error)) from error
    except UnicodeError as error:
        raise NoAddressError(name) from error
    return list(dict.fromkeys(str(entry[4][0]).encode() for entry in found))


def _fits_dns(name: bytes) -> bool:
    """Return whether a name is short enough for DNS; empty labels do not count.  Source: RFC 1035, 3.1."""
    lengths = [len(label) for label in name.split(b".") if label]
    return max(lengths, default=0) <= LABEL_MAX and sum(lengths) + len(lengths) + 1 <= NAME_MAX


def _parse_ip6(operand: bytes) -> bytes:
    if b"\0" in operand:
        raise NoAddressError(operand)
    bare = operand[1:-1] if operand[:1] == b"[" and operand[-1:] == b"]" else operand
    try:
        _socket.inet_pton(_socket.AF_INET6, bare.partition(b"%")[0].decode("ascii"))
    except (OSError, UnicodeError) as error:
        raise NoAddressError(operand) from error
    return bare
