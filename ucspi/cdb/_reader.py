"""The reader: a read-only mapping of bytes to bytes over one image.

The image type of the core is the first base class, so ``reader.get`` is the
core's own method, without a Python frame between.  This module has the methods
that are the same for both cores.
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
    """The result of ``reader.items()``: each distinct key with its first data."""

    __slots__ = ()
    _mapping: "Shared"

    def __iter__(self) -> "Iterator[tuple[bytes, bytes]]":
        """Yield the pairs, in the order first added."""
        return self._mapping.first_records()


class Values(ValuesView[bytes]):
    """The result of ``reader.values()``: the first data of each distinct key."""

    __slots__ = ()
    _mapping: "Shared"

    def __iter__(self) -> "Iterator[bytes]":
        """Yield the data, in the order first added."""
        return (data for _, data in self._mapping.first_records())


class Shared(Mapping[bytes, bytes]):
    """The methods of a reader that are the same for both cores; the image type has the others."""

    __slots__ = ()

    if TYPE_CHECKING:  # the image type has these
        records: Callable[[], Iterator[tuple[bytes, bytes]]]
        first_records: Callable[[], Iterator[tuple[bytes, bytes]]]
        close: Callable[[], None]

        @property
        def view(self) -> memoryview: ...
        @property
        def format(self) -> str: ...

    def __len__(self) -> int:
        """Return the number of distinct keys, by reading all records; raises what `records` raises."""
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        """Return whether there is any record; unlike ``len``, this reads the first one only."""
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
        """Return the number of records, duplicates too, by reading them; raises what `records` raises."""
        return sum(1 for _ in self.records())

    def stats(self) -> "Stats":
        """Count the records by the distance of each from the first slot of its key.

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
        """Raise TypeError: a map of a file cannot be pickled; pickle its path."""
        raise TypeError("a cdb reader cannot be pickled; open the file again instead")


class Reader(Image, Shared):
    """The records of a cdb image: a read-only mapping, and duplicates besides.

    As a mapping it has each distinct key once, with the data of its first
    record, in the order added.  `get_all` and `records` give duplicates too.
    """

    __slots__ = ()


_TYPES: dict[str, type[Reader]] = {CORE.name: Reader}


def reader_type(core: Core) -> type[Reader]:
    """Return the reader type of a core, for tests that compare cores."""
    if core.name not in _TYPES:
        body = {"__slots__": (), "__doc__": Reader.__doc__, "__module__": __name__}
        _TYPES[core.name] = type("Reader", (core.image, Shared), body)
    return _TYPES[core.name]
