"""``cdb -c`` with ``-w -e -r -u -0``: what becomes of records whose key was there before.

A record waits until the next one comes.  If that has the same key and takes
its place, nothing was written yet: so the last record is never left as a hole.
Older ones that must go are noted, and when all is written the file is gone
through once more: with ``-r`` it is written again without them, over itself,
as what is kept only moves towards the front; with ``-0`` they are overwritten
with zeros where they are, and the tables are made without them.
"""

import os
from struct import Struct

from ucspi.cdb import Builder, hash, scan
from ucspi.programs._cdb_trouble import EXIT_DUPLICATE
from ucspi.programs._program import Stop
from ucspi.programs._standard import blocks
from ucspi.unix.stderr import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.programs.cdb import Settings
    from ucspi.unix.publish import Publication

PAIR = Struct("<II")
TABLES = 256
RECORDS_BEGIN = 2048
ZEROS = bytes(65536)

REPLACE, KEEP_FIRST, ZERO = b"r", b"u", b"0"


class Duplicates:
    """Stands before a builder and sees to duplicates."""

    __slots__ = ("_builder", "_end", "_places", "_policy", "_removed", "_stop", "_waiting", "_warn")

    def __init__(self, builder: Builder, settings: "Settings") -> None:
        """Take the policy, ``-r``, ``-u``, ``-0`` or none, and whether to warn or stop."""
        self._builder = builder
        self._policy = settings.duplicates
        self._stop = settings.stop
        self._warn = settings.warn or settings.stop
        self._waiting: tuple[bytes, bytes] | None = None
        self._end = RECORDS_BEGIN  # where the waiting record will be, or the next one
        self._places: dict[bytes, int] = {}  # of the last record of each key
        self._removed: set[int] = set()

    def add(self, key: bytes, data: bytes) -> None:
        """Take a record, or leave it out, or let it replace the one before.

        Raises:
            Stop: it is a duplicate, and ``-e`` forbids them.
        """
        place = self._places.get(key)
        if place is not None:
            if self._warn:
                say(b"cdb: key `%b' duplicated" % key)
            if self._stop:
                raise Stop(b"", EXIT_DUPLICATE)
            if self._policy == KEEP_FIRST:
                return
            if self._policy in (REPLACE, ZERO):
                self._remove(place)
        self._pass()
        self._places[key] = self._end
        self._waiting = key, data

    def finish_in(self, publication: "Publication") -> None:
        """Write the end of the database, and do away with what was removed."""
        self._pass()
        header = self._builder.finish()
        publication.write_at(0, header)
        if self._removed:
            change = _rewrite if self._policy == REPLACE else _zero
            header = change(publication, self._removed)
            publication.write_at(0, header)
            os.truncate(publication.temporary, _size(header))

    def _remove(self, place: int) -> None:
        if place == self._end:  # it is still waiting
            self._waiting = None
        else:
            self._removed.add(place)

    def _pass(self) -> None:
        """Give the waiting record to the builder."""
        if self._waiting is not None:
            key, data = self._waiting
            self._builder.add(key, data)
            self._end += PAIR.size + len(key) + len(data)


def _size(header: bytes) -> int:
    """Return the length of a whole file, which is where its last table ends."""
    position, slots = PAIR.unpack_from(header, RECORDS_BEGIN - PAIR.size)
    return int(position + slots * PAIR.size)


def _records(publication: "Publication") -> "Iterator[tuple[int, bytes, bytes]]":
    """Yield position, key and data of each record in the temporary."""
    fd = os.open(publication.temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        position = RECORDS_BEGIN
        for key, data in scan(blocks(fd)):
            yield position, key, data
            position += PAIR.size + len(key) + len(data)
    finally:
        os.close(fd)


def _rewrite(publication: "Publication", removed: set[int]) -> bytes:
    """Write the file again without some records; return its new header."""
    publication.seek(RECORDS_BEGIN)
    builder = Builder(publication.write)
    for position, key, data in _records(publication):
        if position not in removed:
            builder.add(key, data)
    return builder.finish()


def _zero(publication: "Publication", removed: set[int]) -> bytes:
    """Overwrite some records with zeros, make the tables again; return the new header."""
    tables: list[list[tuple[int, int]]] = [[] for _ in range(TABLES)]
    end = RECORDS_BEGIN
    for position, key, data in _records(publication):
        length = len(key) + len(data)
        end = position + PAIR.size + length
        if position in removed:
            publication.write_at(position, PAIR.pack(0, length))
            for start in range(0, length, len(ZEROS)):
                publication.write(ZEROS[: length - start])
        else:
            h = hash(key)
            tables[h % TABLES].append((h, position))
    publication.seek(end)
    header = bytearray()
    for entries in tables:
        table = _table(entries)
        header += PAIR.pack(end, len(table) // PAIR.size)
        publication.write(table)
        end += len(table)
    return bytes(header)


def _table(entries: list[tuple[int, int]]) -> bytearray:
    """Return a hash table: entries in the order added, each in the first free slot."""
    slots: list[tuple[int, int]] = [(0, 0)] * (2 * len(entries))
    for entry in entries:
        slot = (entry[0] >> 8) % len(slots)
        while slots[slot][1]:
            slot = (slot + 1) % len(slots)
        slots[slot] = entry
    return bytearray(b"".join(PAIR.pack(*slot) for slot in slots))
