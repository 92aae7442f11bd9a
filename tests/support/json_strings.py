"""The strings of the JSON log, read back as its page says."""

import re


def undone(shown: str) -> bytes:
    r"""Give back the bytes of a string, as the manual page says: ``\\`` and ``\xNN`` are undone."""
    pieces = re.split(r"(\\\\|\\x[0-9a-f]{2})", shown)
    return b"".join(
        b"\\" if piece == "\\\\" else bytes([int(piece[2:], 16)]) if index % 2 else piece.encode()
        for index, piece in enumerate(pieces)
    )
