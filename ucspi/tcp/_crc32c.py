"""CRC32C, the checksum of PROXY headers.  Source: RFC 3720, B.4."""

_POLYNOMIAL = 0x82F63B78


def _entry(number: int) -> int:
    for _ in range(8):
        number = number >> 1 ^ (_POLYNOMIAL if number & 1 else 0)
    return number


_TABLE = [_entry(number) for number in range(256)]


def checksum(data: bytes, zeros: int) -> int:
    """Return the checksum of some bytes, the four at ``zeros`` taken as zeros."""
    number = 0xFFFFFFFF
    for byte in data[:zeros] + bytes(4) + data[zeros + 4 :]:
        number = number >> 8 ^ _TABLE[(number ^ byte) & 255]
    return number ^ 0xFFFFFFFF
