"""The reader: a read-only mapping of bytes to bytes over one image.

The image type of the core comes first in the bases, so that ``reader.get`` is
the core's own method, with no Python frame between; what is the same on all
cores stands here.
"""

from _collections_abc import Mapping

from ucspi.cdb._core import CORE, Core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, Self

    from ucspi.cdb._pure import Image
else:
    Image = CORE.image


class Shared(Mapping[bytes, bytes]):
    """What a reader is on every core, given the core's image type beside it."""

    __slots__ = ()

    def __len__(self) -> int:
        """Count the distinct keys, by walking through all records."""
        return sum(1 for _ in self)

    __eq__ = object.__eq__  # readers compare by identity
    __hash__ = object.__hash__

    def __enter__(self) -> "Self":
        """Return the reader itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the reader."""
        self.close()  # type: ignore[attr-defined]

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
