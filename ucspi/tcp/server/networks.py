"""A set of networks, as ``--proxy-from`` names them: ``10.0.0.0/8,2001:db8::1,unix``."""

import _socket

from ucspi.decimal import whole_number

KNOWN_MOST = 256  # addresses whose answer is kept
SHOWN_MAX = 100  # bytes of a wrong text that an error shows
_MAPPED = bytes(10) + b"\xff\xff"  # begins an IPv4 address in IPv6 form
_MAPPED_BITS = 96


class BadNetworkError(Exception):
    """A text names no network; the argument says what it should have been, in bytes."""


class Networks:
    """The networks of a text; ``ip in networks`` tells whether an address is in one of them.

    Attributes:
        mapped: those of IP, each 16 bytes, IPv4 in mapped form, and how many bits of these count.
        whole: those that contain every address of their kind, such as ``0.0.0.0/0``.
    """

    __slots__ = ("_has_unix", "_known", "_numbers4", "_numbers6", "mapped", "whole")

    def __init__(self, text: bytes) -> None:
        """Take addresses, networks and the word ``unix``, with commas between them.

        IPv4 networks in IPv6 form, as ``::ffff:10.0.0.0/104``, are IPv4 networks.

        Raises:
            BadNetworkError: a part of the text is nothing of these.
        """
        self._has_unix = False
        self.mapped: list[tuple[bytes, int]] = []
        self.whole: list[bytes] = []
        # The networks of one length each: how many bits of an address follow, and what is before these.
        self._numbers4: dict[int, set[int]] = {}
        self._numbers6: dict[int, set[int]] = {}
        self._known: dict[bytes, bool] = {}  # most connections are from a few balancers
        for part in text.split(b","):
            if part == b"unix":
                self._has_unix = True
            else:
                self._add(part)

    def _add(self, part: bytes) -> None:
        packed, bits = _parse(part)
        rest = 8 * len(packed) - bits
        number = int.from_bytes(packed, "big")
        if number >> rest << rest != number:
            raise BadNetworkError(b"a network without bits behind its /%d, not %s" % (bits, part[:SHOWN_MAX]))
        numbers = self._numbers4 if len(packed) == 4 else self._numbers6
        numbers.setdefault(rest, set()).add(number >> rest)
        self.mapped.append((packed, bits) if len(packed) == 16 else (_MAPPED + packed, bits + _MAPPED_BITS))
        if not bits:
            self.whole.append(part)

    def __contains__(self, ip: bytes) -> bool:
        """Return whether an address is in one of the networks.

        ``ip`` is an address as a `Connection` has it: of a user of this machine it is
        ``unix.`` and the user id; IPv4 is never in IPv6 form.
        """
        known = self._known.get(ip)
        if known is None:
            known = self._contains(ip)
            if len(self._known) >= KNOWN_MOST:
                self._known.clear()
            self._known[ip] = known
        return known

    def _contains(self, ip: bytes) -> bool:
        if ip.startswith(b"unix."):
            return self._has_unix
        if b":" in ip:
            numbers, family = self._numbers6, _socket.AF_INET6
        else:
            numbers, family = self._numbers4, _socket.AF_INET
        number = int.from_bytes(_socket.inet_pton(family, ip.decode()), "big")
        return any(number >> rest in known for rest, known in numbers.items())


def _parse(part: bytes) -> tuple[bytes, int]:
    """Return the packed address of a network, 4 or 16 bytes, and how many of its bits count."""
    text, slash, digits = part.partition(b"/")
    try:
        # inet_pton stops at a NUL.
        name = text.replace(b"\0", b"?").decode("ascii")
        packed = _socket.inet_pton(_socket.AF_INET6 if ":" in name else _socket.AF_INET, name)
    except (OSError, UnicodeError):
        wanted = b"addresses, networks such as 10.0.0.0/8, and unix, with commas between them"
        raise BadNetworkError(b"%s, not %s" % (wanted, part[:SHOWN_MAX] or b"nothing")) from None
    size = 8 * len(packed)
    bits = whole_number(digits, size) if slash else size
    if bits is None:
        raise BadNetworkError(b"a number up to %d behind the /, not %s" % (size, part[:SHOWN_MAX]))
    if packed.startswith(_MAPPED) and bits >= _MAPPED_BITS:
        return packed[12:], bits - _MAPPED_BITS
    return packed, bits
