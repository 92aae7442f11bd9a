"""The rate limit: how often one source may connect, by a token bucket for each source.

A source is an IPv4 address, the /64 of an IPv6 address, or the user of a
UNIX-domain client.  A bucket starts with BURST tokens.  A connection takes one,
and COUNT tokens come back in SECONDS.  So in any T seconds at most BURST +
COUNT * T / SECONDS connections are let in.  A refused connection takes no token.

For each bucket only the time is kept at which it will be full again.  Full
buckets are forgotten, so memory is bounded by the number of recent sources, and
by `MOST`: beyond that the fullest buckets are forgotten, and the busiest
sources stay known.
"""

import time

from ucspi.decimal import whole_number
from ucspi.tcp.server.census import NET6_BITS, network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Source = bytes | tuple[int, int]

MOST = 65536  # buckets; each takes about 150 bytes
LEAST = 1024  # with fewer buckets, full ones are not looked for
LARGEST = 2**31 - 1
NANOSECONDS = 10**9


class Rate:
    """COUNT connections in SECONDS, and BURST at once; each number is at least 1."""

    __slots__ = ("burst", "count", "seconds")

    def __init__(self, count: int, seconds: int, burst: int) -> None:
        self.count, self.seconds, self.burst = count, seconds, burst


def parse_rate(text: bytes) -> Rate:
    """Return the rate that ``COUNT/SECONDS`` or ``COUNT/SECONDS,BURST`` spells; BURST defaults to COUNT.

    Raises:
        ValueError: the text has neither form, or a number is 0 or larger than `LARGEST`.
    """
    pair, comma, burst = text.partition(b",")
    count, slash, seconds = pair.partition(b"/")
    if not slash or (comma and not burst):
        raise ValueError(text)
    return Rate(_number(count), _number(seconds), _number(burst or count))


def _number(text: bytes) -> int:
    number = whole_number(text, LARGEST)
    if not number:
        raise ValueError(text)
    return number


class Buckets:
    """The buckets of all sources that are not full again."""

    __slots__ = ("_allowance", "_cost", "_forget_from", "_full_at", "_most", "_now", "_rate")

    def __init__(self, rate: Rate, now: "Callable[[], int]" = time.monotonic_ns, most: int = MOST) -> None:
        """Start with full buckets; ``now`` is a clock in nanoseconds that is never set back.

        Times are kept in nanoseconds times ``rate.count``.  In this unit the time
        for one token is a whole number, so nothing is rounded.
        """
        self._rate, self._now, self._most = rate, now, most
        self._cost = rate.seconds * NANOSECONDS
        self._allowance = rate.burst * self._cost
        self._full_at: dict[Source, int] = {}
        self._forget_from = min(LEAST, most)  # with so many buckets, full ones are looked for

    def take_token(self, ip: bytes) -> bytes:
        """Take a token for a client; return nothing, or ``rate COUNT/SECONDS`` when there is none."""
        source = ip if b":" not in ip else network(ip, bits6=NET6_BITS)
        now = self._now() * self._rate.count
        full_at = max(self._full_at.get(source, now), now) + self._cost
        if full_at - now > self._allowance:
            return b"rate %d/%d" % (self._rate.count, self._rate.seconds)
        if len(self._full_at) >= self._forget_from:
            self._forget(now)
        self._full_at[source] = full_at
        return b""

    def _forget(self, now: int) -> None:
        """Forget full buckets; if that leaves less than a quarter of the room, also the fullest."""
        kept = [pair for pair in self._full_at.items() if pair[1] > now]
        room = self._most - self._most // 4
        if len(kept) >= room:
            kept.sort(key=lambda pair: pair[1])
            del kept[: len(kept) - room + 1]
        self._full_at = dict(kept)
        self._forget_from = min(max(LEAST, 2 * len(kept)), self._most)

    def __len__(self) -> int:
        """Return how many buckets are kept."""
        return len(self._full_at)
