"""Writing a cdb file; readers see the whole old one or the whole new one."""

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
    """Writes a cdb file; as a context manager it publishes the file at the end."""

    __slots__ = ("_builder", "_owner", "_publication")

    def __init__(
        self,
        publication: Publication,
        *,
        format: str = "cdb",  # noqa: A002
        core: "Core" = CORE,
    ) -> None:
        """Write to an opened publication; `create` is for the usual case."""
        self._owner = os.getpid()
        self._publication: Publication | None = None  # for `__del__`, if there is no such format
        self._builder = core.builder(_sink(publication), format=format)
        publication.seek(self._builder.header_size)
        self._publication = publication

    def _own(self) -> Publication:
        """Return the publication.

        Raises:
            ClosedError: it was published or discarded, or belongs to another process.
        """
        if self._publication is None:
            raise ClosedError("the cdb writer is closed")
        _demand_owner(self._owner)
        return self._publication

    def add(self, key: "Buffer", data: "Buffer") -> None:
        """Append a record.  Records under one key are found in the order added.

        Args:
            key: bytes-like, any length, also empty; duplicates are kept.
            data: bytes-like, any length, also empty.

        Raises:
            CdbTooLargeError: the file would become larger than 4 GB and is no
                cdb64.  This record is not added; the file can still be published.
            ClosedError: the writer was published or discarded.
            OSError: writing failed; the writer can only be discarded.
            TypeError: key or data is not bytes-like.
        """
        self._builder.add(key, data)

    def update(self, pairs: "Pairs") -> None:
        """Append many records, in their order.

        Args:
            pairs: a mapping, or any iterable of (key, data), consumed once.  A
                `Reader` is a mapping, so it gives each key once; give its
                ``records()`` to keep duplicates.

        Raises:
            what `add` raises.  The records before the refused one are added.
        """
        self._builder.update(pairs.items() if isinstance(pairs, Mapping) else pairs)

    def fileno(self) -> int:
        """Return the descriptor of the temporary file, for fchmod, fchown or flock; never write to it.

        Raises:
            ClosedError: the writer was published or discarded, or made before a fork.
        """
        return self._own().fileno()

    def publish(self) -> None:
        """Write the tables and the header, fsync, and rename the temporary file over the target.

        If anything fails, the temporary file is removed and the target is the old file.

        Raises:
            ClosedError: the writer was published or discarded.
            OSError: writing, fsync or the renaming failed.
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
        """Remove the temporary file; nothing happens after `publish`, or in a forked process."""
        publication, self._publication = self._publication, None
        if publication is not None and self._owner == os.getpid():  # not the copy in a forked process
            self._builder.close()
            publication.discard()

    def __del__(self) -> None:
        """Discard a file that was not published, with a ResourceWarning, as `tempfile` does."""
        publication = getattr(self, "_publication", None)
        if publication is None or self._owner != os.getpid():
            return  # there is nothing to discard, or this is the copy in a forked process
        target = publication.target
        self.discard()
        warn(f"unpublished cdb writer of {os.fsdecode(target)!r}", ResourceWarning, 2, self)

    def __reduce__(self) -> "NoReturn":
        """Raise TypeError: two writers of one temporary file would destroy each other's work."""
        raise TypeError("a cdb writer cannot be copied or pickled")

    def __enter__(self) -> "Self":
        """Return the writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        """Publish, or discard if the block raised."""
        if kind is not None:
            self.discard()
        elif self._publication is not None:
            self.publish()


def _demand_owner(owner: int) -> None:
    """Refuse a forked process: what it writes or removes would be its parent's.

    Raises:
        ClosedError: this is another process.
    """
    if owner != os.getpid():
        raise ClosedError("the cdb writer belongs to the process that forked this one")


def _sink(publication: Publication) -> "Callable[[bytes], object]":
    """Return a function that writes blocks; it does not keep alive the writer, which ends when dropped."""
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
    """Return a writer of a cdb file, which replaces ``path`` in one step at the end of its ``with`` block.

    Args:
        path: the file to make or replace.
        tmp: the temporary file, on the same file system; an existing one is
            overwritten and keeps its mode.  By default a new one in the folder
            of ``path``.
        mode: permission bits of a new temporary file, less the umask.
        format: ``cdb``, or ``cdb64`` for a file that may become larger than
            4 GB; `open` finds out which one a file is.
        fsync: whether to force the file to the disk before it replaces the old one.
        core: for tests.

    Raises:
        OSError: the temporary file cannot be created.
        ValueError: there is no such format.

    If the block raises, the old file stays and the temporary file is removed.
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

    On any error the old file stays and the temporary file is removed.  The
    other arguments are those of `create`.
    """
    with create(path, tmp=tmp, mode=mode, format=format, fsync=fsync, core=core) as writer:
        writer.update(pairs)


def _beside(target: bytes, mode: int, *, fsync: bool) -> Publication:
    """Create a temporary file in the folder of the target: without a name, or else with a new name."""
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
    """Return a name in the folder of the target that nothing has: killed processes may have left files."""
    number = 0
    while os.path.lexists(name := b"%s.%d.%d.tmp" % (target, os.getpid(), number)):
        number += 1
    return name


def _seal(publication: Publication) -> None:
    """Seal the publication; if another process has taken the name meanwhile, under a new name."""
    while True:
        try:
            publication.seal()
        except FileExistsError:
            publication.temporary = _temporary(publication.target)
        else:
            return
