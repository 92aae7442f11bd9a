"""Streams of lines with labels, whole and damaged ones, for whoever reads them."""

from collections.abc import Iterator
from random import Random

from ucspi.lines.label import label

BILLION = 10**9
CALENDAR = range(-62_000_000_000, 250_000_000_000)  # seconds: the years 5 to 9892

# Everything that begins like a label and is none.  For ours alone: not every program reads
# on after such a line.
NO_LABELS = [
    b"@",
    b"@ ",
    b"@foo",
    b"@@",
    b"@4000",
    b"@40000000386D4380075BCD15",
    b"@40000000386d4380075bcdG5",
    b"@40000000386d4380075bcd1",
    b"@4000000g386d4380075bcd15",
    b"@000000000000000000000000",
    b"@ffffffffffffffffffffffff",
    b"@8000000000000000075bcd15",
    b"@4fffffffffffffff075bcd15",
]


def at(second: int, fraction: int = 123_456_500) -> bytes:
    """Return a label of any fraction, also one that no program writes."""
    return label(second * BILLION)[:17] + b"%08x" % fraction


def leaps() -> Iterator[int]:
    """Yield the seconds around each moment at which a leap second may have been."""
    for year in range(1972, 2018):
        days = (year - 1970) * 365 + (year - 1969) // 4  # to its first of January
        for day in (days, days + 181 + (year % 4 == 0)):
            yield from range(day * 86400 - 2, day * 86400 + 30)


def lines(random: Random, count: int) -> Iterator[bytes]:
    """Yield lines that begin with a label, most of them of this and the last century."""
    for _ in range(count):
        second = random.choice([random.randrange(-4 * BILLION, 5 * BILLION), random.choice(CALENDAR)])
        fraction = random.choice([0, 500, 999_999_500, random.randrange(2**32)])
        yield at(second, fraction) + random.choice(
            [b" text\n", b"\n", b":x\n", b"\0\n", b"@" + at(5) + b"\n"]
        )


def cut(random: Random, stream: bytes, most: int) -> list[bytes]:
    """Return it in pieces of 1 to ``most`` bytes."""
    pieces = []
    while stream:
        size = random.randint(1, most)
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces
