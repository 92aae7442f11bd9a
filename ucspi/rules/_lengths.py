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

UINT8_MAX = 255


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


class Networks:
    """The network rules of an image: their lengths, and the search for one around a client."""

    __slots__ = ("_reader", "lengths")

    def __init__(self, reader: Reader, lengths: Lengths) -> None:
        """Take the reader and the lengths that its keys have."""
        self._reader, self.lengths = reader, lengths

    def find(self, bits: bytes, sizes: tuple[int, ...]) -> bytes:
        """Return the first of the keys ``bits[: size + 1]`` that has a rule, empty if none has."""
        for size in sizes:
            if bits[: size + 1] in self._reader:
                return bits[: size + 1]
        return b""

    def dotted(self, ip: bytes) -> bytes | None:
        """Return the address or the longest dotted prefix of it that has a rule, None if none has."""
        end = len(ip)
        while end:
            if ip[:end] in self._reader:
                return ip[:end]
            end = ip.rfind(b".", 0, end - 1) + 1
        return None


class NativeNetworks(Networks):
    """The same in one call of the C core."""

    __slots__ = ("_fault", "_four", "_image", "_six", "_view")

    def __init__(self, reader: Reader) -> None:
        """Collect the lengths, as `networks_of` does."""
        self._view = reader.view  # keeps the address valid
        with ffi.from_buffer("unsigned char[]", self._view) as held:
            self._image = ffi.new("struct ucdb_image *", (held, len(self._view)))
        self._fault = ffi.new("struct ucdb_fault *")
        lengths = ffi.new("struct ucdb_lengths *")
        if lib.ucdb_rules_lengths(self._image, lengths, self._fault):
            raise self._damage()
        four = [length for length in range(33) if lengths.four[length]]
        six = [length for length in range(129) if lengths.six[length]]
        super().__init__(reader, Lengths(four, six) if four or six else NO_LENGTHS)
        self._four = bytes(size + 1 for size in self.lengths.four)
        self._six = bytes(size + 1 for size in self.lengths.six)

    def find(self, bits: bytes, sizes: tuple[int, ...]) -> bytes:
        """Return the first of the keys ``bits[: size + 1]`` that has a rule, empty if none has."""
        lengths = self._six if bits[0] == 94 else self._four  # as bytes, each with the mark
        length = lib.ucdb_rules_first(self._image, bits, lengths, len(lengths), self._fault)
        if length < 0:
            raise self._damage()
        return bits[:length]

    def dotted(self, ip: bytes) -> bytes | None:
        """Return the address or the longest dotted prefix of it that has a rule, None if none has."""
        if not 0 < len(ip) <= UINT8_MAX:
            return super().dotted(ip)
        length = lib.ucdb_rules_dotted(self._image, ip, len(ip), self._fault)
        if length < 0:
            raise self._damage()
        return ip[:length] if length else None

    def _damage(self) -> CdbFormatError:
        reason = ffi.string(lib.ucdb_damage_text(self._fault.damage)).decode()
        return CdbFormatError(reason, offset=self._fault.offset)


def networks_of(reader: Reader) -> Networks:
    """Walk once over all keys of an image, to know which lengths its networks have.

    Raises:
        CdbFormatError: a record crosses the end of the records.
    """
    if lib is not None:
        return NativeNetworks(reader)
    four, six = set(), set()
    for key, _ in reader.records():
        if key[:1] == MARK4:
            four.add(len(key) - 1)
        elif key[:1] == MARK6:
            six.add(len(key) - 1)
    return Networks(reader, Lengths(four, six) if four or six else NO_LENGTHS)
