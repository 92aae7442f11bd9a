"""The prefix lengths of an image's network rules, and the search for the network of a client.

One walk over the keys collects the lengths.  For a client only networks of these
lengths are looked up, not all 31 or 127 that are possible.
"""

from ucspi.errors import CdbFormatError
from ucspi.rules._native import ffi, lib
from ucspi.rules._networkkey import LENGTH_MIN, MARK4, MARK6, canonical, network_bits
from ucspi.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ucspi.cdb import Reader

    Match = tuple[bytes, bytes]  # the address that a rule is filed under, and the data of its record

FORMATS = ("cdb", "cdb64", "cdblib64")  # enum ucdb_format


class Lengths(Value):
    """The prefix lengths of network rules, longest first, for IPv4 and for IPv6."""

    __slots__ = ("four", "six")
    __match_args__ = ("four", "six")

    def __init__(self, four: "Iterable[int]" = (), six: "Iterable[int]" = ()) -> None:
        """Take lengths in any order; those that are never looked up (0, 1, and too long ones) are dropped."""
        self.four = tuple(sorted({n for n in four if LENGTH_MIN <= n <= 32}, reverse=True))
        self.six = tuple(sorted({n for n in six if LENGTH_MIN <= n <= 128}, reverse=True))

    def of(self, bits: bytes) -> tuple[int, ...]:
        """Return the lengths for a network's key: IPv4's or IPv6's; none for an empty key."""
        return self.four if bits[:1] == MARK4 else self.six if bits else ()


NO_LENGTHS = Lengths()


def dotted(ip: bytes) -> "Iterator[bytes]":
    """Yield an address and its prefixes that end in a dot, the longest first; nothing if it is empty."""
    end = len(ip)
    while end:
        yield ip[:end]
        end = ip.rfind(b".", 0, end - 1) + 1


class Networks:
    """The network rules of an image: their lengths, and the search for the rule of a client."""

    __slots__ = ("_reader", "lengths")

    def __init__(self, reader: "Reader", lengths: Lengths) -> None:
        """Search in this reader, for networks of these lengths."""
        self._reader, self.lengths = reader, lengths

    def around(self, ip: bytes) -> "Match | None":
        """Return key and data of the rule for the longest network around a client, or None."""
        bits = network_bits(*canonical(ip))
        return self._first(bits[: size + 1] for size in self.lengths.of(bits))

    def decide(self, ip: bytes) -> "Match | None":
        """Return key and data of the rule that decides about a client known by its address alone, or None."""
        text, _ = canonical(ip)
        return self._first(dotted(text)) or self.around(ip) or self._first((b"",))

    def _first(self, keys: "Iterable[bytes]") -> "Match | None":
        for key in keys:
            data = self._reader.get(key)
            if data is not None:
                return key, data
        return None


class NativeNetworks(Networks):
    """The same search, each one call of the C core."""

    __slots__ = ("_fault", "_image", "_layout", "_lengths", "_sieve", "_view")

    def __init__(self, reader: "Reader") -> None:
        """Collect the lengths, as `networks_of` does."""
        from ucspi.cdb.layout import named  # here, as compilers need none of it

        self._view = reader.view  # keeps the address valid
        self._layout = named(reader.format)
        with ffi.from_buffer("unsigned char[]", self._view) as held:
            image = (held, len(self._view), FORMATS.index(reader.format))
            self._image = ffi.new("struct ucdb_image *", image)
        self._fault = ffi.new("struct ucdb_fault *")
        self._lengths = ffi.new("struct ucdb_lengths *")
        if lib.ucdb_rules_lengths(self._image, self._lengths, self._fault):
            raise self._damage()
        self._sieve = self._make_sieve()
        four = [length for length in range(33) if self._lengths.four[length]]
        six = [length for length in range(129) if self._lengths.six[length]]
        super().__init__(reader, Lengths(four, six) if four or six else NO_LENGTHS)

    def around(self, ip: bytes) -> "Match | None":
        """Return key and data of the rule for the longest network around a client, or None."""
        at = lib.ucdb_rules_around(self._image, self._lengths, ip, len(ip), self._fault)
        return self._record(at) if at else None

    def decide(self, ip: bytes) -> "Match | None":
        """Return key and data of the rule that decides about a client known by its address alone, or None."""
        at = lib.ucdb_rules_decide(self._image, self._lengths, ip, len(ip), self._fault)
        return self._record(at) if at else None

    def _make_sieve(self) -> object:
        """Make the filter that spares most look-ups of networks without a rule; the C core points to it."""
        lengths = self._lengths
        if not lengths.any:
            return None
        lengths.width = lib.ucdb_sieve_width(lib.ucdb_sieve_slots(self._image))
        if not lengths.width:
            return None
        lengths.sieve = bits = ffi.new("uint64_t[]", 1 << lengths.width >> 6)
        lib.ucdb_sieve_fill(self._image, bits, lengths.width)
        return bits

    def _record(self, at: int) -> "Match":
        """Return key and data of the record at a position, copied, as the image may be closed."""
        if at < 0:
            raise self._damage()
        view, layout = self._view, self._layout
        key_length, length = layout.unpack(view, at)
        start = at + layout.pair_size
        data = start + key_length
        return bytes(view[start:data]), bytes(view[data : data + length])

    def _damage(self) -> CdbFormatError:
        reason = ffi.string(lib.ucdb_damage_text(self._fault.damage)).decode()
        return CdbFormatError(reason, offset=self._fault.offset)


def networks_of(reader: "Reader") -> Networks:
    """Return the networks of an image; this walks once over all its keys.

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
