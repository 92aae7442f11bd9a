"""A table for people: columns, colours and names that may contain anything."""

import posix as os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

GREEN: "Final" = b"32"
YELLOW: "Final" = b"33"
RED: "Final" = b"31"
_GAP: "Final" = b"  "


class Cell:
    """A text, which is printed as it is, and perhaps its colour."""

    __slots__ = ("colour", "text", "width")

    def __init__(self, text: bytes, colour: bytes = b"") -> None:
        """Take them; the text is UTF-8."""
        self.text, self.colour = text, colour
        self.width = width(text)


def table(rows: "Sequence[Sequence[Cell]]", *, has_colours: bool) -> bytes:
    """Return rows with columns of the same width, one line each."""
    widths = [max(cell.width for cell in column) for column in zip(*rows, strict=True)]
    return b"".join([_line(row, widths, has_colours) for row in rows])


def _line(row: "Sequence[Cell]", widths: list[int], has_colours: bool) -> bytes:
    shown = [
        (b"\033[%sm%s\033[m" % (cell.colour, cell.text) if has_colours and cell.colour else cell.text)
        + b" " * (width - cell.width)
        for cell, width in zip(row, widths, strict=True)
    ]
    return _GAP.join(shown).rstrip(b" ") + b"\n"


def wants_colours(number: int = 1) -> bool:
    """Return whether a descriptor is a terminal on which colours are wanted.

    Source: no-color.org.
    """
    return os.isatty(number) and not os.environ.get(b"NO_COLOR") and os.environ.get(b"TERM") != b"dumb"


def escape(name: bytes) -> bytes:
    r"""Return a name that does nothing to a terminal, in UTF-8.

    Each byte that is not UTF-8, or belongs to a character that is not printable, becomes
    ``\xNN``, and a backslash becomes two.
    """
    if name.isascii() and name.isalnum():
        return name
    text = name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return "".join([one if one.isprintable() else _codes(one) for one in text]).encode()


def _codes(character: str) -> str:
    return "".join([f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass")])


def width(text: bytes) -> int:
    """Return how many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(one) in ("Mn", "Me") else 2 if east_asian_width(one) in "WF" else 1
        for one in text.decode()
    )
