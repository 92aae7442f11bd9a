"""How many clients there are, and of whom."""

import _socket
from itertools import islice

from ucspi.unix import memoryreserve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeVar

    Key = TypeVar("Key")

NET4_BITS = 24  # what counts as one network, where nothing else is asked for
NET6_BITS = 64
HOLDERS_SHOWN = 5  # holders that are named when no slot is left


def network(ip: bytes, bits4: int = NET4_BITS, bits6: int = NET6_BITS) -> tuple[int, int]:
    """Return the network of an address, as something to compare: its version and its bits.

    The clients of the UNIX domain, who have no address, are a network of their own.
    """
    if ip.startswith(b"unix."):
        return 0, 0
    if b":" in ip:
        packed, size, bits = _socket.inet_pton(_socket.AF_INET6, ip.decode()), 128, bits6
    else:
        packed, size, bits = _socket.inet_pton(_socket.AF_INET, ip.decode()), 32, bits4
    return size, int.from_bytes(packed, "big") >> (size - bits)


class Census:
    """Counts the clients that are looked up, started or served, by address.

    Networks are counted, and addresses ranked, from the first question about
    them on: with thousands of addresses it costs too much to look at each
    whenever a client comes.
    """

    __slots__ = ("_counts", "_networks", "_ranks", "children")

    def __init__(self) -> None:
        """Begin with nobody."""
        self.children = 0
        self._counts: dict[bytes, int] = {}
        self._networks: dict[tuple[int, int], dict[tuple[int, int], int]] = {}  # by bits, then by network
        self._ranks: Ranks | None = None

    def enter(self, ip: bytes) -> None:
        """Count a client.

        Raises:
            MemoryError: it is not counted.
        """
        self._add(ip, 1)

    def leave(self, ip: bytes) -> None:
        """Count a client no more."""
        try:
            self._add(ip, -1)
        except MemoryError:
            memoryreserve.give_up()
            self._add(ip, -1)

    def _add(self, ip: bytes, change: int) -> None:
        """Count in every way, or in none."""
        count = self.of_ip(ip)
        children = self.children + change
        try:
            _add(self._counts, ip, change)
            if self._ranks is not None:
                self._ranks.move(ip, count, count + change)
            for bits, counts in self._networks.items():
                _add(counts, network(ip, *bits), change)
        except MemoryError:
            self._ranks, self._networks = None, {}  # made anew when somebody asks
            if count:
                self._counts[ip] = count
            else:
                self._counts.pop(ip, None)
            raise
        self.children = children

    def of_ip(self, ip: bytes) -> int:
        """Return how many clients an address has."""
        return self._counts.get(ip, 0)

    def of_network(self, ip: bytes, bits4: int, bits6: int) -> int:
        """Return how many clients the network of an address has."""
        counts = self._networks.get((bits4, bits6))
        if counts is None:
            counts = self._networks[bits4, bits6] = {}
            for other, count in self._counts.items():
                _add(counts, network(other, bits4, bits6), count)
        return counts.get(network(ip, bits4, bits6), 0)

    def holders(self) -> "Iterator[tuple[bytes, int]]":
        """Yield the addresses that hold most, with how many, the largest first."""
        if self._ranks is None:
            self._ranks = Ranks()
            for ip, count in self._counts.items():
                self._ranks.move(ip, 0, count)
        yield from islice(self._ranks.largest(), HOLDERS_SHOWN)


class Ranks:
    """Addresses by their numbers of clients, so that the largest are found at once."""

    __slots__ = ("_by_count",)

    def __init__(self) -> None:
        """Begin with none."""
        self._by_count: dict[int, dict[bytes, None]] = {}

    def move(self, ip: bytes, before: int, after: int) -> None:
        """Put an address in another place; it has none where its number is 0."""
        if before:
            del self._by_count[before][ip]
            if not self._by_count[before]:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, {})[ip] = None

    def largest(self) -> "Iterator[tuple[bytes, int]]":
        """Yield each address with its number, the largest first, of equal ones that which has it longest."""
        for count in sorted(self._by_count, reverse=True):
            for ip in self._by_count[count]:
                yield ip, count


def _add(counts: "dict[Key, int]", key: "Key", change: int) -> None:
    count = counts.get(key, 0) + change
    if count:
        counts[key] = count
    else:
        del counts[key]
