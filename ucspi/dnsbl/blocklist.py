"""DNS block lists: the name under which a list keeps an address, and what several lists decide.

A list says that it has an address by a TXT record, whose text says why; an
anti-list says that it lets one pass by an A record.

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
    """Why a client is turned away: a reply code of SMTP and its text."""

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: bytes) -> None:
        """Take the text as it was found, of any length, with any bytes."""
        self.code, self.text = code, text


def judge_by_variable(value: bytes) -> Refusal | None:
    """Return what ``$RBLSMTPD`` decides: an empty one lets the client pass."""
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
    """Ask all lists at once; return what the first that decides says, None to let the client pass.

    Args:
        options: letters of rblsmtpd and their values.  An ``r`` or ``a`` is
            under the ``b``, ``B``, ``c`` and ``C`` in front of it, no others.
        ip: the client's address; may be empty, or nothing that is one.
        servers: the DNS servers to ask.
        seconds: for all questions together.
        warn: called with each list that could not be asked, up to the one that decides.
    """
    # Imported here: whoever gets by without a question need not pay for it.
    from ucspi.dnsbl.dnsquery import TXT, A
    from ucspi.dnsbl.stubresolver import StubResolver

    resolver = StubResolver(servers, seconds)
    bounce = closed = failed = False
    asked = []
    for letter, value in options:
        list_is_asked = letter in (b"a", b"r")
        kind = A if letter == b"a" else TXT
        asked.append((letter, value, resolver.query(query_name(value, ip), kind) if list_is_asked else None))
    try:
        for letter, base, question in asked:
            if question is None:
                bounce = letter == b"b" if letter in b"bB" else bounce
                closed = letter == b"c" if letter in b"cC" else closed
                continue
            found = resolver.wait(question)
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
    """Return the labels of an address's name in a list.

    An IPv6 address is written in nibbles, an IPv4 address in IPv6 clothes as
    what it is.  Anything else is turned round at its dots.
    """
    return _labels(_reversed(ip) + b"." + base)


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


def _labels(name: bytes) -> list[bytes]:
    """Split a name at its dots; a backslash protects a byte, or spells it in octal."""
    labels, label, at = [], bytearray(), 0
    while at < len(name):
        byte, at = name[at], at + 1
        if byte == ord("."):
            labels.append(bytes(label))
            label = bytearray()
        elif byte != ord("\\"):
            label.append(byte)
        elif at < len(name):
            byte, at = _protected(name, at)
            label.append(byte)
    return [label for label in [*labels, bytes(label)] if label]


def _protected(name: bytes, at: int) -> tuple[int, int]:
    """Return the byte that stands behind a backslash, and the position behind it."""
    end = at
    while end < at + 3 and name[end : end + 1] in (_OCTAL[i : i + 1] for i in range(8)):
        end += 1
    return (int(name[at:end], 8) & 255, end) if end > at else (name[at], at + 1)
