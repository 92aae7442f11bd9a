"""How often one source may connect: a bucket of tokens for each, which fills by itself.

A source is an IPv4 address, the /64 of an IPv6 address, or the user of a UNIX
client.  Its bucket begins with BURST tokens, a connection takes one, and COUNT
of them come back in SECONDS: in no stretch of T seconds are more than BURST +
COUNT * T / SECONDS connections taken in.  One that is refused takes nothing.

All that is kept of a bucket is when it will be full again.  Full ones are
forgotten, so what is kept is bounded by who came lately, and under a flood of
sources by `MOST`: then those that miss least are forgotten, and who took most
stays known.
"""

import time

from ucspi.decimal import whole_number
from ucspi.tcp.server.census import NET6_BITS, network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Source = bytes | tuple[int, int]

MOST = 65536  # buckets, of some 150 bytes each
LEAST = 1024  # buckets that are not worth a look for full ones
LARGEST = 2**31 - 1
NANOSECONDS = 10**9


class Rate:
    """COUNT connections in SECONDS, and BURST at once."""

    __slots__ = ("burst", "count", "seconds")

    def __init__(self, count: int, seconds: int, burst: int) -> None:
        """Take three numbers of at least 1."""
        self.count, self.seconds, self.burst = count, seconds, burst


def parse_rate(text: bytes) -> Rate:
    """Read ``COUNT/SECONDS`` or ``COUNT/SECONDS,BURST``; without a burst it is the count.

    Raises:
        ValueError: it is neither, or a number is 0 or larger than `LARGEST`.
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
    """The bucket of every source that has not got all its tokens back."""

    __slots__ = ("_allowance", "_cost", "_crowd", "_full_at", "_most", "_now", "_rate")

    def __init__(self, rate: Rate, now: "Callable[[], int]" = time.monotonic_ns, most: int = MOST) -> None:
        """Begin with nobody; ``now`` is a clock in nanoseconds that is never set back.

        Moments are kept in nanoseconds times ``rate.count``, so that a token is
        a whole number of them and nothing is ever rounded.
        """
        self._rate, self._now, self._most = rate, now, most
        self._cost = rate.seconds * NANOSECONDS
        self._allowance = rate.burst * self._cost
        self._full_at: dict[Source, int] = {}
        self._crowd = min(LEAST, most)  # so many buckets are worth a look for full ones

    def take_token(self, ip: bytes) -> bytes:
        """Take a token for a client; return nothing, or that there is none: ``rate COUNT/SECONDS``."""
        source = ip if b":" not in ip else network(ip, bits6=NET6_BITS)
        now = self._now() * self._rate.count
        full_at = max(self._full_at.get(source, now), now) + self._cost
        if full_at - now > self._allowance:
            return b"rate %d/%d" % (self._rate.count, self._rate.seconds)
        if len(self._full_at) >= self._crowd:
            self._forget(now)
        self._full_at[source] = full_at
        return b""

    def _forget(self, now: int) -> None:
        """Forget full buckets; if that leaves no room to speak of, the fullest too."""
        missing = [pair for pair in self._full_at.items() if pair[1] > now]
        room = self._most - self._most // 4
        if len(missing) >= room:
            missing.sort(key=lambda pair: pair[1])
            del missing[: len(missing) - room + 1]
        self._full_at = dict(missing)
        self._crowd = min(max(LEAST, 2 * len(missing)), self._most)

    def __len__(self) -> int:
        """Return how many buckets are kept."""
        return len(self._full_at)
