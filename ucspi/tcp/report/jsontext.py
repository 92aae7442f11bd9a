r"""JSON in one line of ASCII, for any bytes.

A string is given as bytes.  UTF-8 in it becomes the characters that it means.
Any other byte becomes the four characters ``\xNN``, and a backslash becomes
two, so that a reader can restore the bytes.  Python's own way is to write lone
surrogates for such bytes.  Some parsers refuse these, so a client could hide
its line from them.  What is not printable ASCII is written as ``\uNNNN``.
"""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Value = bytes | int | None | Sequence["Value"] | Mapping[bytes, "Value"]

_PLAIN = frozenset(range(32, 127)) - frozenset(b'"\\')


class Raw(bytes):
    """A text that is JSON already; `encode` returns it unchanged."""


def encode(value: "Value") -> bytes:
    """Return a value as JSON: bytes become a string (see above), a mapping keeps its order."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, bytes):
        return quote(value)
    if value is None:
        return b"null"
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, dict):
        return b"{%s}" % b",".join([b'"%s":%s' % (name, encode(part)) for name, part in value.items()])
    return b"[%s]" % b",".join([encode(part) for part in value])


def quote(text: bytes) -> bytes:
    """Return bytes as a JSON string, from which a reader can restore them."""
    if _PLAIN.issuperset(text):
        return b'"%s"' % text
    shown = text.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return b'"%s"' % b"".join(map(_escape, shown))


def _escape(character: str) -> bytes:
    number = ord(character)
    if number in _PLAIN:
        return b"%c" % number
    if character in '"\\':
        return b"\\%c" % number
    if number > 0xFFFF:
        number -= 0x10000
        return b"\\u%04x\\u%04x" % (0xD800 | number >> 10, 0xDC00 | number & 0x3FF)
    return b"\\u%04x" % number


def moment(nanoseconds: int) -> bytes:
    """Return a time since 1970 in the form of RFC 3339, in UTC, with microseconds."""
    whole, part = divmod(nanoseconds // 1000, 1_000_000)
    return b"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % (*time.gmtime(whole)[:6], part)


def seconds(nanoseconds: int) -> Raw:
    """Return a duration as a number of seconds."""
    return Raw(b"%d.%06d" % divmod(nanoseconds // 1000, 1_000_000))


def milliseconds(nanoseconds: int) -> Raw:
    """Return a duration as a number of milliseconds."""
    return Raw(b"%d.%03d" % divmod(nanoseconds // 1000, 1000))
