"""Writing a cdb file so that readers see the old one or the new one, whole."""

import os
from _collections_abc import Mapping
from _warnings import warn

from ucspi.cdb._core import CORE
from ucspi.errors import ClosedError
from ucspi.unix.publish import Publication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import NoReturn, Self

    from typing_extensions import Buffer

    from ucspi.cdb._core import Core

    Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]
    Pairs = Mapping[bytes, bytes] | Iterable[tuple[Buffer, Buffer]]


class Writer:
    """A cdb file being made; a context manager that publishes it at the end."""

    __slots__ = ("_builder", "_owner", "_publication")

    def __init__(
        self,
        publication: Publication,
        *,
        format: str = "cdb",  # noqa: A002
        core: "Core" = CORE,
    ) -> None:
        """Begin with an opened publication; use `create` for the usual case."""
        self._owner = os.getpid()
        self._publication: Publication | None = None  # if there is no such format
        self._builder = core.builder(_sink(publication), format=format)
        publication.seek(self._builder.header_size)
        self._publication = publication

    def _own(self) -> Publication:
        """Return the publication, which belongs to one process alone."""
        if self._publication is None:
            raise ClosedError("the cdb writer is closed")
        _demand_owner(self._owner)
        return self._publication

    def add(self, key: "Buffer", data: "Buffer") -> None:
        """Append a record; the order added is the order found.

        Args:
            key: bytes-like, any length, also empty; duplicates are kept.
            data: bytes-like, any length, also empty.

        Raises:
            CdbTooLargeError: the file would pass 4 GB and is no cdb64; the
                record was not added.
            ClosedError: the writer was published or discarded.
            OSError: writing failed; the writer can only be discarded.
        """
        self._builder.add(key, data)

    def update(self, pairs: "Pairs") -> None:
        """Append many records, in their order.

        Args:
            pairs: a mapping, or any iterable of (key, data), consumed once.  A
                `Reader` is a mapping, so it gives each key once; give its
                ``records()`` to keep duplicates.

        Raises:
            As `add`.  The records before the refused one are added.
        """
        self._builder.update(pairs.items() if isinstance(pairs, Mapping) else pairs)

    def fileno(self) -> int:
        """Return the descriptor of the temporary, for fchmod, fchown or flock; never write to it.

        Raises:
            ClosedError: the writer was published or discarded, or made before a fork.
        """
        return self._own().fileno()

    def publish(self) -> None:
        """Write the tables and the header, fsync, and rename over the target.

        On any failure the temporary is removed and the target is the old file.

        Raises:
            ClosedError: the writer was published or discarded.
        """
        publication = self._own()
        try:
            publication.write_at(0, self._builder.finish())
            _seal(publication)
            publication.rename()
        except BaseException:
            self.discard()
            raise
        self._publication = None

    def discard(self) -> None:
        """Remove the temporary and leave the target alone; nothing happens after `publish`, or in a fork."""
        publication, self._publication = self._publication, None
        if publication is not None and self._owner == os.getpid():  # a fork's copy has no say
            self._builder.close()
            publication.discard()

    def __del__(self) -> None:
        """Discard what nobody can publish any more, with a ResourceWarning, as `tempfile` does."""
        publication = getattr(self, "_publication", None)
        if publication is None or self._owner != os.getpid():
            return  # nothing began, or this is a fork's copy, which has no say
        target = publication.target
        self.discard()
        warn(f"unpublished cdb writer of {os.fsdecode(target)!r}", ResourceWarning, 2, self)

    def __reduce__(self) -> "NoReturn":
        """Refuse: two writers of one temporary would destroy each other's work."""
        raise TypeError("a cdb writer cannot be copied or pickled")

    def __enter__(self) -> "Self":
        """Return the writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        """Publish, or discard if an exception is on its way."""
        if kind is not None:
            self.discard()
        elif self._publication is not None:
            self.publish()


def _demand_owner(owner: int) -> None:
    """Refuse a forked child: what it wrote would be in its parent's file, and what it removed missing there.

    Raises:
        ClosedError: this is another process.
    """
    if owner != os.getpid():
        raise ClosedError("the cdb writer belongs to the process that forked this one")


def _sink(publication: Publication) -> "Callable[[bytes], object]":
    """Return what writes blocks; it does not hold the writer, which is to end when it is dropped."""
    owner = os.getpid()

    def write(block: bytes) -> None:
        _demand_owner(owner)
        publication.write(block)

    return write


def create(
    path: "Path",
    *,
    tmp: "Path | None" = None,
    mode: int = 0o644,
    format: str = "cdb",  # noqa: A002
    fsync: bool = True,
    core: "Core" = CORE,
) -> Writer:
    """Begin a cdb file; at the end of the ``with`` block it replaces ``path`` in one step.

    Args:
        path: the file to make or replace.
        tmp: the temporary, on the same file system; an existing one is
            overwritten and keeps its mode.  By default a new name beside ``path``.
        mode: permission bits of a new temporary, less the umask.
        format: ``cdb``, or ``cdb64`` for a file that may pass 4 GB; readers of
            this library tell them apart.
        fsync: force the file to disk before it takes the place of the old one.
        core: for tests.

    Raises:
        OSError: the temporary cannot be created.
        ValueError: there is no such format.

    An exception inside the block leaves the old file and no temporary.
    """
    target = os.fsencode(path)
    if tmp is not None:
        publication = Publication(target, os.fsencode(tmp), fsync=fsync)
        publication.create(mode)
    else:
        publication = _beside(target, mode, fsync=fsync)
    try:
        return Writer(publication, format=format, core=core)
    except BaseException:
        publication.discard()
        raise


def make(
    path: "Path",
    pairs: "Pairs",
    *,
    tmp: "Path | None" = None,
    mode: int = 0o644,
    format: str = "cdb",  # noqa: A002
    fsync: bool = True,
    core: "Core" = CORE,
) -> None:
    """Make or replace a cdb file in one call: `create`, then `Writer.update` with ``pairs``.

    On any error ``path`` is the old file, and no temporary is left.  The other
    arguments are those of `create`.
    """
    with create(path, tmp=tmp, mode=mode, format=format, fsync=fsync, core=core) as writer:
        writer.update(pairs)


def _beside(target: bytes, mode: int, *, fsync: bool) -> Publication:
    """Create a temporary next to the target: one without a name, or else with one that nothing has yet."""
    publication = Publication(target, _temporary(target), fsync=fsync)
    if publication.create_unnamed(mode):
        return publication
    while True:
        try:
            publication.create(mode, exclusive=True)
        except FileExistsError:
            publication.temporary = _temporary(target)
        else:
            return publication


def _temporary(target: bytes) -> bytes:
    """Return a name beside the target that nothing has now: killed processes and other writers leave some."""
    number = 0
    while os.path.lexists(name := b"%s.%d.%d.tmp" % (target, os.getpid(), number)):
        number += 1
    return name


def _seal(publication: Publication) -> None:
    """Seal, under another name if somebody has taken the one that was free when we began."""
    while True:
        try:
            publication.seal()
        except FileExistsError:
            publication.temporary = _temporary(publication.target)
        else:
            return
