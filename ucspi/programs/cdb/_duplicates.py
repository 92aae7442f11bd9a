"""``cdb -c`` with ``-w -e -r -u -0``: handles records with a key that an earlier record has.

A record is written only when the next one comes.  If that has the same key and
replaces it, the first is simply dropped, so the last record of a file is never a
hole.  Earlier records that must go are noted by their position.  When all is
written, the file is read once more.  With ``-r`` it is rewritten in place without
them: what is kept only moves towards the front.  With ``-0`` they are overwritten
with zeros, and the tables are made without them.
"""

import os

from ucspi.cdb import Builder, hash, hash64, scan
from ucspi.cdb.layout import CDB, TABLES, named
from ucspi.programs._program import Stop
from ucspi.programs._stdio import blocks
from ucspi.programs.cdb._messages import EXIT_DUPLICATE
from ucspi.unix.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.cdb.layout import Layout
    from ucspi.programs.cdb._commandline import Settings
    from ucspi.unix.publish import Publication

ZEROS = bytes(65536)

REPLACE, KEEP_FIRST, ZERO = b"r", b"u", b"0"


class Duplicates:
    """Takes the records for a builder, and handles duplicates."""

    __slots__ = (
        "_builder",
        "_end",
        "_layout",
        "_places",
        "_policy",
        "_publication",
        "_removed",
        "_stop",
        "_waiting",
        "_warn",
    )

    def __init__(self, builder: Builder, publication: "Publication", settings: "Settings") -> None:
        """Handle duplicates as the settings say; the builder writes to the publication."""
        self._builder, self._publication = builder, publication
        self._layout = named(settings.form)
        self._policy = settings.duplicates
        self._stop = settings.stop
        self._warn = settings.warn or settings.stop
        self._waiting: tuple[bytes, bytes] | None = None
        self._end = builder.header_size  # the position of the waiting record, or else of the next one
        self._places: dict[bytes, int] = {}  # of the last record of each key
        self._removed: set[int] = set()

    def add(self, key: bytes, data: bytes) -> None:
        """Add a record, or leave it out, or replace an earlier one by it.

        Raises:
            Stop: it is a duplicate, which ``-e`` forbids.
        """
        place = self._places.get(key)
        if place is not None:
            if self._stop:
                self._give_up()
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

    def finish(self) -> None:
        """Finish the database, and remove the records that were replaced."""
        publication = self._publication
        self._pass()
        header = self._builder.finish()
        publication.write_at(0, header)
        if self._removed:
            change = _rewrite if self._policy == REPLACE else _zero
            header = change(publication, self._layout, self._removed)
            publication.write_at(0, header)
            os.ftruncate(publication.fileno(), _size(header, self._layout))

    def _give_up(self) -> None:
        """Leave the records so far in the temporary file, after an empty header, as the original does."""
        self._pass()
        self._builder.finish()
        os.ftruncate(self._publication.fileno(), self._end)  # `finish` has written the tables, too

    def _remove(self, place: int) -> None:
        if place == self._end:  # it was not written yet
            self._waiting = None
        else:
            self._removed.add(place)

    def _pass(self) -> None:
        """Give the waiting record to the builder."""
        if self._waiting is not None:
            key, data = self._waiting
            self._builder.add(key, data)
            self._end += self._layout.pair_size + len(key) + len(data)


def _size(header: bytes, layout: "Layout") -> int:
    """Return the length of a whole file, which is where its last table ends."""
    position, slots = layout.unpack(header, layout.header_size - layout.pair_size)
    return int(position + slots * layout.pair_size)


def _records(publication: "Publication", layout: "Layout") -> "Iterator[tuple[int, bytes, bytes]]":
    """Yield position, key and data of each record in the temporary."""
    fd = os.open(publication.temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        position = layout.header_size
        for key, data in scan(blocks(fd)):
            yield position, key, data
            position += layout.pair_size + len(key) + len(data)
    finally:
        os.close(fd)


def _rewrite(publication: "Publication", layout: "Layout", removed: set[int]) -> bytes:
    """Write the file again without some records; return its new header."""
    builder = Builder(publication.write, format=layout.name)
    publication.seek(builder.header_size)
    for position, key, data in _records(publication, layout):
        if position not in removed:
            builder.add(key, data)
    return builder.finish()


def _zero(publication: "Publication", layout: "Layout", removed: set[int]) -> bytes:
    """Overwrite some records with zeros, make the tables again; return the new header."""
    hashed = hash if layout is CDB else hash64
    tables: list[list[tuple[int, int]]] = [[] for _ in range(TABLES)]
    end = layout.header_size
    for position, key, data in _records(publication, layout):
        length = len(key) + len(data)
        end = position + layout.pair_size + length
        if position in removed:
            publication.write_at(position, layout.pair.pack(0, length))
            for start in range(0, length, len(ZEROS)):
                publication.write(ZEROS[: length - start])
        else:
            h = hashed(key)
            tables[h % TABLES].append((h, position))
    publication.seek(end)
    header = bytearray()
    for entries in tables:
        table = layout.fill_table(entries, len(entries))
        header += layout.pair.pack(end, 2 * len(entries))
        publication.write(table)
        end += len(table)
    return bytes(header)
