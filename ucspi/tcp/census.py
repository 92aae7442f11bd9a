"""How many clients there are, and of whom."""

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NET4_BITS = 24  # what counts as one network, where nothing else is asked for
NET6_BITS = 64
TOLD = 5  # holders that are named when no slot is left


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
    """Counts the clients that are looked up, started or served, by address."""

    __slots__ = ("_counts", "children")

    def __init__(self) -> None:
        """Begin with nobody."""
        self.children = 0
        self._counts: dict[bytes, int] = {}

    def enter(self, ip: bytes) -> None:
        """Count a client."""
        self.children += 1
        self._counts[ip] = self._counts.get(ip, 0) + 1

    def leave(self, ip: bytes) -> None:
        """Count a client no more."""
        self.children -= 1
        left = self._counts[ip] - 1
        if left:
            self._counts[ip] = left
        else:
            del self._counts[ip]

    def of_ip(self, ip: bytes) -> int:
        """Return how many clients an address has."""
        return self._counts.get(ip, 0)

    def of_network(self, ip: bytes, bits4: int, bits6: int) -> int:
        """Return how many clients the network of an address has; costs a look at each address."""
        wanted = network(ip, bits4, bits6)
        return sum(count for other, count in self._counts.items() if network(other, bits4, bits6) == wanted)

    def holders(self) -> "Iterator[tuple[bytes, int]]":
        """Yield the addresses that hold most, with how many, the largest first."""
        yield from sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOLD]
