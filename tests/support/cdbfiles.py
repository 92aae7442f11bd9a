"""Making cdb images in tests."""

import os
import struct
from collections.abc import Iterable

from ucspi.cdb._core import Core

Pairs = Iterable[tuple[bytes, bytes]]


def build(pairs: Pairs, core: Core, form: str = "cdb") -> bytes:
    """Return the whole image of some records."""
    blocks: list[bytes] = []
    builder = core.builder(blocks.append, format=form)
    for key, data in pairs:
        builder.add(key, data)
    header = builder.finish()
    return header + b"".join(blocks)


def text(pairs: Pairs) -> bytes:
    """Return records as cdbmake reads them."""
    lines = (b"+%d,%d:%s->%s\n" % (len(key), len(data), key, data) for key, data in pairs)
    return b"".join(lines) + b"\n"


def leftovers(directory: "os.PathLike[str]") -> list[str]:
    """Return the names of temporaries that a writer left behind."""
    return [name for name in os.listdir(directory) if name.endswith(".tmp")]


def packed(*records: tuple[bytes, bytes]) -> bytes:
    """Return records as they stand in a cdb file."""
    return b"".join(struct.pack("<II", len(key), len(data)) + key + data for key, data in records)
