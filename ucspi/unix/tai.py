"""The time as TAI64N: 12 bytes, big-endian, seconds and then nanoseconds.

A status record and a log label hold the same bytes, the one as they are, the
other in hexadecimal.
"""

from time import time_ns

# The second of the Unix epoch.  No leap second is counted: the 10 of 1970 stay,
# and tai64nlocal takes the same 10 away.  Observed from tai64n and multilog.
EPOCH = 2**62 + 10

SIZE = 12  # bytes


def pack(nanoseconds: int) -> bytes:
    """Return a Unix time as the originals record it.

    Args:
        nanoseconds: since the Unix epoch.  They are cut to microseconds and the
            last three digits become 500, as the originals, whose clock counts
            microseconds, write them.
    """
    microseconds = nanoseconds // 1000
    seconds, fraction = divmod(microseconds, 1_000_000)
    return (EPOCH + seconds).to_bytes(8) + (fraction * 1000 + 500).to_bytes(4)


def now() -> bytes:
    """Return the time of the system's clock."""
    return pack(time_ns())
