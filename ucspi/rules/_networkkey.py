"""Networks and IPv6 addresses: how they are written, and under which keys they are filed.

    10.0.0.0/8:deny        "_" and one byte per bit of the prefix: "0" for a zero,
                           for a one at bit i (from 0) byte i of PLACES
    10./8:deny             the same: numbers that are left out are 0
    2001:db8::/32:allow    "^" and one byte per bit: "0" for a zero, byte 0x60 + k
                           for the k-th one (from 0)
    [2001:db8::1]:allow    eight groups of four upper-case digits

Only an address that is wholly ``IPv4/N`` or ``IPv6[/N]`` is a network; any other
means what it meant in 0.88.  Prefix lengths 0 and 1 are refused, because the
server of ucspi-tcp6, which reads these files too, does not look them up.

Source: the key forms of ucspi-tcp6 1.11, so that its files and ours are one.
"""

from ucspi.decimal import whole_number
from ucspi.errors import RuleSyntaxError
from ucspi.rules._checkinput import require_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MARK4, MARK6 = b"_", b"^"
PLACES = b"abcdefghijklmnopqrstuvwxyz123456"
LENGTH_MIN = 2
HEX = b"0123456789abcdefABCDEF"
MAPPED = bytes(10) + b"\xff\xff"  # the first 12 bytes of an IPv4-mapped IPv6 address

_octets: list[dict[bytes, bytes]] = [{}, {}, {}, {}]  # cache: the text of an octet to its 8 key bytes
_pieces: dict[int, bytes] = {}  # cache: an octet and the count of ones before it to its 8 key bytes


def network_key(address: bytes) -> bytes | None:
    """Return the key of an address that is wholly ``IPv4/N`` or ``IPv6[/N]``, else None.

    Raises:
        RuleSyntaxError: it has that form, but a number is out of range or bits
            beyond the length are set; ``line`` is 1.
    """
    if b":" in address:
        return _key6(address)
    if b"/" not in address:
        return None
    quad, _, length = address.partition(b"/")
    octets = quad.split(b".")
    if 1 < len(octets) <= 4 and not octets[-1]:
        octets.pop()
    if len(octets) <= 4 and length.isdigit() and all(octet.isdigit() for octet in octets):
        return _key4(address, octets, length)
    return None


def looks_like_ipv6(address: bytes) -> bool:
    """Return whether an address with colons is meant as IPv6."""
    address = address[address.rfind(b"@") + 1 :]
    if address[:1] == b"[":
        return True
    plain = address.partition(b"/")[0].partition(b"%")[0].strip(b" \t")
    return plain.count(b":") >= 2 and not plain.strip(HEX + b":.")


def packed6(text: bytes) -> bytes | None:
    """Return the 16 bytes of an IPv6 address in any legal spelling, or None."""
    from _socket import AF_INET6, inet_pton  # here, as most files have IPv4 alone

    try:
        return inet_pton(AF_INET6, text.decode("ascii"))
    except (OSError, UnicodeDecodeError, ValueError):
        return None


def full6(packed: bytes) -> bytes:
    """Return the eight groups under which a single IPv6 address is filed."""
    return packed.hex(":", 2).upper().encode()


def bits4(ip: bytes) -> bytes:
    """Return the 32 key bytes of an IPv4 address; empty if the text is not one."""
    octets = ip.split(b".")
    try:
        first, second, third, fourth = octets
        one, two, three, four = _octets
        return one[first] + two[second] + three[third] + four[fourth]
    except ValueError:
        return b""
    except KeyError:
        return _bits_of_new(octets)


def _bits_of_new(octets: "Sequence[bytes]") -> bytes:
    """Return what `bits4` returns, and remember octets that are new."""
    for place, (octet, known) in enumerate(zip(octets, _octets, strict=True)):
        if octet not in known:
            number = whole_number(octet, 255)
            if number is None or octet != b"%d" % number:
                return b""
            known[octet] = _piece4(number, 8 * place)
    return b"".join([known[octet] for octet, known in zip(octets, _octets, strict=True)])


def bits6(packed: bytes) -> bytes:
    """Return the 128 key bytes of an IPv6 address."""
    ones, pieces = 0, []
    for octet in packed:
        piece = _pieces.get(ones << 8 | octet)
        if piece is None:
            piece = _pieces[ones << 8 | octet] = _piece6(octet, ones)
        pieces.append(piece)
        ones += octet.bit_count()
    return b"".join(pieces)


def canonical(ip: bytes) -> tuple[bytes, bytes]:
    """Return a client's address as its rule is filed, and its 16 bytes if it is IPv6, else none."""
    if b":" not in ip:
        return ip, b""
    packed = packed6(ip.partition(b"%")[0])  # a scope is not part of the address
    if packed is None:
        return ip, b""
    if packed[:12] == MAPPED:
        return b"%d.%d.%d.%d" % (*packed[12:],), b""
    return full6(packed), packed


def network_bits(ip: bytes, packed: bytes) -> bytes:
    """Return the key of the longest network around a client, given what `canonical` returns; maybe empty.

    The keys of shorter networks are the beginnings of it.
    """
    if packed:
        return MARK6 + bits6(packed)
    bits = bits4(ip)
    return MARK4 + bits if bits else b""


def readable(key: bytes) -> bytes:
    """Return a key as it is written in a rule: a network as ``IP/N``, any other address as it is."""
    require_bytes("key", key)
    bits = "".join("0" if byte == 48 else "1" for byte in key[1:])
    if key[:1] == MARK4 and LENGTH_MIN <= len(bits) <= 32:
        packed = int(bits.ljust(32, "0"), 2).to_bytes(4, "big")
        if bits4(b"%d.%d.%d.%d" % (*packed,))[: len(bits)] == key[1:]:
            return b"%d.%d.%d.%d/%d" % (*packed, len(bits))
    if key[:1] == MARK6 and LENGTH_MIN <= len(bits) <= 128:
        packed = int(bits.ljust(128, "0"), 2).to_bytes(16, "big")
        if bits6(packed)[: len(bits)] == key[1:]:
            return b"%s/%d" % (short6(packed), len(bits))
    if len(key) == 39 and (alone := packed6(key)) is not None:
        return short6(alone)
    return key


def short6(packed: bytes) -> bytes:
    """Return the usual text of an IPv6 address."""
    from _socket import AF_INET6, inet_ntop

    return inet_ntop(AF_INET6, packed).encode()


def _piece4(number: int, place: int) -> bytes:
    return bytes(PLACES[place + bit] if number & 128 >> bit else 48 for bit in range(8))


def _piece6(octet: int, ones: int) -> bytes:
    piece = bytearray(b"00000000")
    for bit in range(8):
        if octet & 128 >> bit:
            piece[bit] = 0x60 + ones
            ones += 1
    return bytes(piece)


def _key4(address: bytes, octets: "Sequence[bytes]", length: bytes) -> bytes:
    at = 0
    for octet in octets:
        if len(octet) > 3 or whole_number(octet, 255) is None:
            raise _fault("an octet is at most 255", address, at, "write a number from 0 to 255")
        if octet[:1] == b"0" and octet != b"0":
            raise _fault("an octet has no leading zeros", address, at, "leave them out")
        at += len(octet) + 1
    size = _length(address, length, len(address) - len(length), 32)
    packed = bytes(int(octet) for octet in octets).ljust(4, b"\0")
    kept = _masked(packed, size)
    if kept != packed:
        proper = b"%d.%d.%d.%d/%d" % (*kept, size)
        raise _fault("bits beyond the length are set", address, 0, "write " + proper.decode())
    return MARK4 + bits4(b"%d.%d.%d.%d" % (*packed,))[:size]


def _key6(address: bytes) -> bytes:
    at = address.rfind(b"@") + 1
    text, slash, length = address[at:].partition(b"/")
    if text[:1] == b"[":
        if slash and length[-1:] == b"]" and b"]" not in text:  # [2001:db8::/32]
            text, length = text + b"]", length[:-1]
        if text[-1:] != b"]":
            raise _fault(
                "the bracket that starts here is not closed", address, at, "write ] behind the address"
            )
        text = text[1:-1]
    if b"%" in text:
        raise _fault("an address in a rule has no scope", address, at, "leave out the % and what follows it")
    if text.strip(b" \t") != text or address[:1] in (b" ", b"\t"):
        raise _fault("a blank is part of the address", address, at, "leave it out")
    packed = packed6(text)
    if packed is None:
        advice = "write eight groups of up to four hexadecimal digits; :: stands for groups of zeros"
        raise _fault("this is not an IPv6 address", address, at, advice)
    if not slash:
        if packed[:12] == MAPPED:
            raise _mapped(address, at, packed, 128)
        return address[:at] + full6(packed)
    if at:
        advice = "write a whole address, or the network alone"
        raise _fault("a network cannot follow what an ident server says", address, at, advice)
    size = _length(address, length, address.find(b"/") + 1, 128)
    if size >= 96 and packed[:12] == MAPPED:
        raise _mapped(address, at, packed, size)
    kept = _masked(packed, size)
    if kept != packed:
        suggestion = f"write {short6(kept).decode()}/{size}"
        raise _fault("bits beyond the length are set", address, at, suggestion)
    return MARK6 + bits6(packed)[:size]


def _mapped(address: bytes, at: int, packed: bytes, size: int) -> RuleSyntaxError:
    reason = "clients with IPv4 addresses are judged by these, also on an IPv6 socket"
    quad = ".".join(map(str, packed[12:]))
    if size - 96 < LENGTH_MIN:
        return _fault(reason, address, at, "write the IPv4 networks of length 2 that it consists of")
    length = f"/{size - 96}" if size < 128 else ""
    return _fault(reason, address, at, f"write {quad}{length}")


def _length(address: bytes, text: bytes, at: int, most: int) -> int:
    number = whole_number(text, most) if len(text) <= 3 else None
    size = -1 if number is None else number
    if not LENGTH_MIN <= size <= most or (text[:1] == b"0" and size):
        suggestions = {0: "the empty address is everybody", 1: "write its two halves, of length 2"}
        reason = f"the length of a prefix is a number from {LENGTH_MIN} to {most}"
        raise _fault(reason, address, at, suggestions.get(size, f"/{most} is a single address"))
    return size


def _masked(packed: bytes, size: int) -> bytes:
    free = len(packed) * 8 - size
    return (int.from_bytes(packed, "big") >> free << free).to_bytes(len(packed), "big")


def _fault(reason: str, address: bytes, at: int, suggestion: str = "") -> RuleSyntaxError:
    return RuleSyntaxError(reason, line=1, column=at + 1, text=address, suggestion=suggestion)
