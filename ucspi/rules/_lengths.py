"""Which lengths the network rules of an image have: found in one walk over its keys.

A client is then asked about these alone, not about all 31 or 127 that there
could be.
"""

from ucspi.cdb import Reader
from ucspi.errors import CdbFormatError
from ucspi.rules._native import ffi, lib
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
    if lib is not None:
        return _natively(reader)
    four, six = set(), set()
    for key, _ in reader.records():
        if key[:1] == MARK4:
            four.add(len(key) - 1)
        elif key[:1] == MARK6:
            six.add(len(key) - 1)
    return Lengths(four, six) if four or six else NO_LENGTHS


def _natively(reader: Reader) -> Lengths:
    view, lengths = reader.view, ffi.new("struct ucdb_lengths *")
    with ffi.from_buffer("unsigned char[]", view) as held:  # the view keeps the address valid
        image = ffi.new("struct ucdb_image *", (held, len(view)))
    fault = ffi.new("struct ucdb_fault *")
    if lib.ucdb_rules_lengths(image, lengths, fault):
        reason = ffi.string(lib.ucdb_damage_text(fault.damage)).decode()
        raise CdbFormatError(reason, offset=fault.offset)
    four = [length for length in range(33) if lengths.four[length]]
    six = [length for length in range(129) if lengths.six[length]]
    return Lengths(four, six) if four or six else NO_LENGTHS
