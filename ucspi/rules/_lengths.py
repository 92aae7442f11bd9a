"""Which lengths the network rules of an image have: found in one walk over its keys.

A client is then asked about these alone, not about all 31 or 127 that there
could be.
"""

from ucspi.cdb import Reader
from ucspi.rules._network import LENGTH_MIN, MARK4, MARK6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Lengths:
    """The prefix lengths of network rules, longest first, for IPv4 and for IPv6."""

    __slots__ = ("four", "six")

    def __init__(self, four: "Iterable[int]" = (), six: "Iterable[int]" = ()) -> None:
        """Take lengths in any order; those that are never looked up are left out."""
        self.four = tuple(sorted({n for n in four if LENGTH_MIN <= n <= 32}, reverse=True))
        self.six = tuple(sorted({n for n in six if LENGTH_MIN <= n <= 128}, reverse=True))

    def __repr__(self) -> str:
        """Show both."""
        return f"Lengths({self.four!r}, {self.six!r})"


NO_LENGTHS = Lengths()


def lengths_of(reader: Reader) -> Lengths:
    """Return the lengths that the keys of an image have.

    Raises:
        CdbFormatError: a record crosses the end of the records.
    """
    four, six = set(), set()
    for key, _ in reader.records():
        if key[:1] == MARK4:
            four.add(len(key) - 1)
        elif key[:1] == MARK6:
            six.add(len(key) - 1)
    return Lengths(four, six) if four or six else NO_LENGTHS
