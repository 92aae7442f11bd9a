"""The reader: a read-only mapping of bytes to bytes over one image.

The image type of the core comes first in the bases, so that ``reader.get`` is
the core's own method, with no Python frame between; what is the same on all
cores stands here.
"""

from _collections_abc import ItemsView, Mapping, ValuesView

from ucspi.cdb._core import CORE, Core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn, Self

    from ucspi.cdb._pureimage import Image
    from ucspi.cdb._stats import Stats
else:
    Image = CORE.image


class Items(ItemsView[bytes, bytes]):
    """What ``reader.items()`` gives: each distinct key with its first data."""

    __slots__ = ()
    _mapping: "Shared"

    def __iter__(self) -> "Iterator[tuple[bytes, bytes]]":
        """Yield the pairs, in the order first added."""
        return self._mapping.first_records()


class Values(ValuesView[bytes]):
    """What ``reader.values()`` gives: the first data of each distinct key."""

    __slots__ = ()
    _mapping: "Shared"

    def __iter__(self) -> "Iterator[bytes]":
        """Yield the data, in the order first added."""
        return (data for _, data in self._mapping.first_records())


class Shared(Mapping[bytes, bytes]):
    """What a reader is on every core, given the core's image type beside it."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the image type gives
        records: Callable[[], Iterator[tuple[bytes, bytes]]]
        first_records: Callable[[], Iterator[tuple[bytes, bytes]]]
        close: Callable[[], None]

        @property
        def view(self) -> memoryview: ...
        @property
        def format(self) -> str: ...

    def __len__(self) -> int:
        """Count the distinct keys, by walking through all records; raises as iteration does."""
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        """Say whether there is any record; unlike ``len`` this looks at the first one only."""
        for _ in self.records():
            return True
        return False

    def items(self) -> Items:
        """Return a view of the distinct keys with their first data, in the order added."""
        return Items(self)

    def values(self) -> Values:
        """Return a view of the first data of each distinct key, in the order added."""
        return Values(self)

    def record_count(self) -> int:
        """Count all records, duplicates too, by walking through them; raises as `records` does."""
        return sum(1 for _ in self.records())

    def stats(self) -> "Stats":
        """Count the records by how far each stands from its first slot.

        Raises:
            CdbFormatError: a table lies outside the file.
            ClosedError: the reader was closed.
        """
        from ucspi.cdb._stats import count  # here, as few programs need it
        from ucspi.cdb.layout import named

        return count(self.view, named(self.format))

    __eq__ = object.__eq__  # readers compare by identity
    __hash__ = object.__hash__

    def __enter__(self) -> "Self":
        """Return the reader itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the reader."""
        self.close()

    def __reduce__(self) -> "NoReturn":
        """Refuse: a map cannot be pickled; pickle the path and open it again."""
        raise TypeError("a cdb reader cannot be pickled; open the file again instead")


class Reader(Image, Shared):
    """The records of a cdb image: a read-only mapping, and duplicates besides.

    As a mapping it has each distinct key once, with the data of its first
    record, in the order added.  `get_all` and `records` see duplicates.
    """

    __slots__ = ()


_TYPES: dict[str, type[Reader]] = {CORE.name: Reader}


def reader_type(core: Core) -> type[Reader]:
    """Return the reader over another core's image, for tests that compare cores."""
    if core.name not in _TYPES:
        body = {"__slots__": (), "__doc__": Reader.__doc__, "__module__": __name__}
        _TYPES[core.name] = type("Reader", (core.image, Shared), body)
    return _TYPES[core.name]
