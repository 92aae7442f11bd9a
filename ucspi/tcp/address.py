"""Host and port operands, read as the original reads them."""

import _socket
import errno

from ucspi.decimal import DIGITS, first_digits
from ucspi.errors import BadPortError, NoAddressError

PORT_MAX, OCTET_MAX = 65535, 255
NUMBER_MAX = 18  # digits that are looked at
LABEL_MAX, NAME_MAX = 63, 255  # bytes of a label, and of a name with its lengths, in DNS
_NO_ADDRESS = (_socket.EAI_NONAME, _socket.EAI_NODATA, _socket.EAI_ADDRFAMILY)
_LITERAL = frozenset(DIGITS + b".[]")


def parse_port(operand: bytes) -> int:
    """Return the port number that an operand means.

    Digits are a number, and an empty operand is 0: any free port.  Anything
    else is a TCP service name.

    Raises:
        BadPortError: the number is above 65535.  The original counts modulo
            65536, and so listens where nobody looks.
        OSError: no such service.
    """
    if all(byte in DIGITS for byte in operand):
        return require_port(first_digits(operand, NUMBER_MAX))
    if b"\0" in operand:
        raise OSError("service/proto not found")  # as of any other
    return _socket.getservbyname(operand.decode("latin-1"), "tcp")


def require_port(number: int) -> int:
    """Return a number that is a port; raise a `BadPortError` for any other."""
    if not 0 <= number <= PORT_MAX:
        raise BadPortError(number)
    return number


def parse_literal(operand: bytes) -> bytes | None:
    """Return the dotted quad that an operand spells, or None when it is a name.

    Empty and ``0`` are every address.  Digits, dots and brackets alone are a
    literal; groups after the fourth are ignored.

    Raises:
        NoAddressError: a literal with fewer than four numbers, or with one
            above 255, which the original counts modulo 256.
    """
    if operand in (b"", b"0"):
        return b"0.0.0.0"
    if not _LITERAL.issuperset(operand):
        return None
    return _quads(operand)[0]


def _quads(literal: bytes) -> list[bytes]:
    """Return the dotted quads in digits, dots and brackets, one behind the other; a rest is ignored."""
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

    ``::``, every address of both kinds, any other IPv6 address, bare or in
    brackets, and one with a zone (``fe80::1%eth0``) stand for themselves.
    Names go to the system resolver, so ``/etc/hosts`` counts.

    Raises:
        NoAddressError: the name has no address, or does not exist.
        OSError: no answer now, it may work later; EPROTO where DNS has no room for the name.
    """
    if b":" in operand:
        return _parse_ip6(operand)
    literal = parse_literal(operand)
    if literal is not None:
        return literal
    return min(look_up(operand), key=lambda ip: b":" in ip)


def resolve_all(operand: bytes) -> list[bytes]:
    """Return every address of a host operand as text, in the order to try them.

    Empty and ``0`` are this machine, 127.0.0.1.  A literal may spell several
    addresses, as in ``1.2.3.4.5.6.7.8``.  The addresses of a name come in the
    order of the system resolver.

    Raises:
        NoAddressError: the name has no address, or does not exist.
        OSError: no answer now, it may work later; EPROTO where DNS has no room for the name.
    """
    if b":" in operand:
        return [_parse_ip6(operand)]
    if operand in (b"", b"0"):
        return [b"127.0.0.1"]
    if _LITERAL.issuperset(operand):
        return _quads(operand)
    return look_up(operand)


def look_up(name: bytes) -> list[bytes]:
    """Return the addresses that the system resolver finds, each once, in its order.

    It takes addresses too, also short ones such as ``127.1``.  Those of an
    address with a zone lack the zone.

    Raises:
        NoAddressError: the name has no address, or does not exist.
        OSError: no answer now, it may work later; EPROTO where the name is too long for DNS.
    """
    if b"\0" in name:  # which ends it for the resolver: another name would be found
        raise NoAddressError(name)
    try:
        found = _socket.getaddrinfo(name, None, 0, _socket.SOCK_STREAM)
    except _socket.gaierror as error:
        if not _fits_dns(name):  # a fault of the name, but the original's answer is not "no address"
            raise OSError(errno.EPROTO, str(error)) from error
        if error.errno in _NO_ADDRESS:
            raise NoAddressError(name) from error
        raise OSError(errno.EAGAIN, str(error)) from error
    except UnicodeError as error:
        raise NoAddressError(name) from error
    return list(dict.fromkeys(str(entry[4][0]).encode() for entry in found))


def _fits_dns(name: bytes) -> bool:
    """Return whether DNS has room for a name; empty labels do not count.  Source: RFC 1035, 3.1."""
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
