"""The census: how many clients there are, in all, of each address and of each network."""

import _socket
from itertools import islice

from ucspi.unix import memoryreserve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeVar

    Key = TypeVar("Key")

NET4_BITS = 24  # bits of an IPv4 address that make a network, by default
NET6_BITS = 64  # the same for IPv6
HOLDERS_SHOWN = 5  # addresses that are named when the limit is reached


def network(ip: bytes, bits4: int = NET4_BITS, bits6: int = NET6_BITS) -> tuple[int, int]:
    """Return the network of an address, for comparison: the size of an address and the network's bits.

    All UNIX-domain clients together are one network, (0, 0).
    """
    if ip.startswith(b"unix."):
        return 0, 0
    if b":" in ip:
        packed, size, bits = _socket.inet_pton(_socket.AF_INET6, ip.decode()), 128, bits6
    else:
        packed, size, bits = _socket.inet_pton(_socket.AF_INET, ip.decode()), 32, bits4
    return size, int.from_bytes(packed, "big") >> (size - bits)


class Census:
    """Counts the clients that wait for look-ups, are started or are served.

    Networks are counted, and addresses ranked, only after the first call that
    asks for it.  From then on both are kept up to date: going through thousands
    of addresses for every client would cost too much.

    Attributes:
        children: how many clients there are in all.
    """

    __slots__ = ("_counts", "_networks", "_ranks", "children")

    def __init__(self) -> None:
        self.children = 0
        self._counts: dict[bytes, int] = {}
        self._networks: dict[tuple[int, int], dict[tuple[int, int], int]] = {}  # counts, by bits and network
        self._ranks: Ranks | None = None

    def enter(self, ip: bytes) -> None:
        """Count a new client.

        Raises:
            MemoryError: the client is not counted.
        """
        self._add(ip, 1)

    def leave(self, ip: bytes) -> None:
        """Stop counting a client."""
        try:
            self._add(ip, -1)
        except MemoryError:
            memoryreserve.give_up()
            self._add(ip, -1)

    def _add(self, ip: bytes, change: int) -> None:
        """Change all counts, or none if memory runs out."""
        count = self.of_ip(ip)
        children = self.children + change
        try:
            _add(self._counts, ip, change)
            if self._ranks is not None:
                self._ranks.move(ip, count, count + change)
            for bits, counts in self._networks.items():
                _add(counts, network(ip, *bits), change)
        except MemoryError:
            self._ranks, self._networks = None, {}  # built again by the next call that needs them
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
        """Yield the addresses with most clients and their numbers, the largest number first."""
        if self._ranks is None:
            self._ranks = Ranks()
            for ip, count in self._counts.items():
                self._ranks.move(ip, 0, count)
        yield from islice(self._ranks.largest(), HOLDERS_SHOWN)


class Ranks:
    """Addresses by number of clients, so that those with most are found without a search."""

    __slots__ = ("_by_count",)

    def __init__(self) -> None:
        self._by_count: dict[int, dict[bytes, None]] = {}

    def move(self, ip: bytes, before: int, after: int) -> None:
        """Change the number of an address; addresses with 0 are not kept."""
        if before:
            del self._by_count[before][ip]
            if not self._by_count[before]:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, {})[ip] = None

    def largest(self) -> "Iterator[tuple[bytes, int]]":
        """Yield each address with its number, the largest first.

        Ties go to the address that has had that count longest.
        """
        for count in sorted(self._by_count, reverse=True):
            for ip in self._by_count[count]:
                yield ip, count


def _add(counts: "dict[Key, int]", key: "Key", change: int) -> None:
    count = counts.get(key, 0) + change
    if count:
        counts[key] = count
    else:
        del counts[key]
