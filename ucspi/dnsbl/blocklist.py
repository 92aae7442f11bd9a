"""DNS block lists: the DNS name of an address in a list, and what several lists decide together.

A block list that contains an address has a TXT record for it; the text is the
reason.  An anti-list that lets an address pass has an A record for it.

Source: observed from the original rblsmtpd; RFC 5782, 2.1 and 2.4, for IPv6.
"""

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LOOKUP_ERROR = b"temporary RBL lookup error"
PERMANENT, TEMPORARY = 553, 451  # of SMTP
_MAPPED = bytes(10) + b"\xff\xff"
_OCTAL = b"01234567"


class Refusal:
    """Why a client is refused: an SMTP reply code and a text."""

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: bytes) -> None:
        """Keep the text as the list gave it: any length, any bytes."""
        self.code, self.text = code, text


def judge_by_variable(value: bytes) -> Refusal | None:
    """Return what a value of ``$RBLSMTPD`` decides; an empty value lets the client pass."""
    if not value:
        return None
    return Refusal(PERMANENT, value[1:]) if value.startswith(b"-") else Refusal(TEMPORARY, value)


def judge_by_lists(
    options: "Iterable[tuple[bytes, bytes]]",
    ip: bytes,
    servers: "Sequence[bytes]",
    seconds: float,
    warn: "Callable[[bytes], object]",
) -> Refusal | None:
    """Query all lists at once; return the refusal of the first that decides, None to let the client pass.

    Args:
        options: option letters of rblsmtpd and their values, in order.  ``b``,
            ``B``, ``c`` and ``C`` apply to the ``r`` and ``a`` after them.
        ip: the client's address; it may be empty, or not an address.
        servers: the DNS servers to query.
        seconds: the time for all queries together.
        warn: called with each list that gave no usable answer, up to the list that decides.
    """
    # Imported here, because dnspython is slow to import and many clients need no query.
    from ucspi.dnsbl.dnsquery import TXT, A
    from ucspi.dnsbl.stubresolver import StubResolver

    resolver = StubResolver(servers, seconds)
    bounce = closed = failed = False
    steps = []
    for letter, value in options:
        is_list = letter in (b"a", b"r")
        kind = A if letter == b"a" else TXT
        steps.append((letter, value, resolver.query(query_name(value, ip), kind) if is_list else None))
    try:
        for letter, base, query in steps:
            if query is None:
                bounce = letter == b"b" if letter in b"bB" else bounce
                closed = letter == b"c" if letter in b"cC" else closed
                continue
            found = resolver.wait(query)
            if found is None:
                failed = True
                warn(base)
            if letter == b"a" and (found or (found is None and not closed)):
                return None
            if letter == b"r" and found is None and closed:
                return Refusal(TEMPORARY, LOOKUP_ERROR)
            text = b"".join(found or ())
            if letter == b"r" and text:
                return Refusal(PERMANENT if bounce and not failed else TEMPORARY, text)
    finally:
        resolver.close()
    return None


def query_name(base: bytes, ip: bytes) -> list[bytes]:
    """Return the labels of the DNS name that an address has in a list.

    The parts of the address come first, in reverse order: the bytes of an IPv4
    address, the nibbles of an IPv6 address.  An IPv4-mapped address counts as
    IPv4.  A text that is no address is reversed at its dots.
    """
    return list_labels(_reversed(ip) + b"." + base)


def _reversed(ip: bytes) -> bytes:
    if b":" in ip:
        try:
            packed = _socket.inet_pton(_socket.AF_INET6, ip.partition(b"%")[0].decode("latin-1"))
        except (OSError, ValueError):
            return ip
        if not packed.startswith(_MAPPED):
            return b".".join(b"%c" % nibble for nibble in reversed(packed.hex().encode()))
        ip = b".".join(b"%d" % number for number in packed[12:])
    return b".".join(reversed(ip.split(b".")))


def list_labels(name: bytes) -> list[bytes]:
    """Return the labels of a list's own name.

    It is split at its dots; a backslash escapes the next byte, or starts an octal number.
    """
    labels, label, at = [], bytearray(), 0
    while at < len(name):
        byte, at = name[at], at + 1
        if byte == ord("."):
            labels.append(bytes(label))
            label = bytearray()
        elif byte != ord("\\"):
            label.append(byte)
        elif at < len(name):
            byte, at = _escaped(name, at)
            label.append(byte)
    return [label for label in [*labels, bytes(label)] if label]


def _escaped(name: bytes, at: int) -> tuple[int, int]:
    """Return the byte that an escape means, and the position after it; ``at`` is behind the backslash."""
    end = at
    while end < at + 3 and name[end : end + 1] in (_OCTAL[i : i + 1] for i in range(8)):
        end += 1
    return (int(name[at:end], 8) & 255, end) if end > at else (name[at], at + 1)
