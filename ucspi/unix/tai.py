"""The time as TAI64N: 12 bytes, big-endian, seconds and then nanoseconds.

A status record has these bytes as they are, a log label in hexadecimal.
"""

from time import time_ns

# The second of the Unix epoch.  Leap seconds after 1970 are not counted: always 10
# are added, and tai64nlocal subtracts the same 10.  Observed from tai64n and multilog.
EPOCH = 2**62 + 10

SIZE = 12  # bytes


def pack(nanoseconds: int) -> bytes:
    """Return a Unix time in the form of the originals.

    Args:
        nanoseconds: since the Unix epoch.  The last three digits become 500, as in the
            originals, whose clock counts microseconds.
    """
    microseconds = nanoseconds // 1000
    seconds, fraction = divmod(microseconds, 1_000_000)
    return (EPOCH + seconds).to_bytes(8) + (fraction * 1000 + 500).to_bytes(4)


def seconds(stamp: bytes) -> int:
    """Return the Unix time of a stamp in whole seconds; it may be any number where the stamp is damaged."""
    return int.from_bytes(stamp[:8]) - EPOCH


def now() -> bytes:
    """Return the time of the system clock."""
    return pack(time_ns())
