"""The interface of pure-cdb's ``cdblib.compat``: python-cdb's, with text.

    from ucspi.compat.cdblib.compat import cdbmake, init

The default encoding is UTF-8.  As in the original, keys and data that can be
decoded are returned as text, others as bytes.  With the encoding None everything
is bytes.  Different on purpose: keys to look up are encoded like keys to add, so
all that `cdb.keys` returns can be found.  The original has no ``has_key``,
``getnext``, ``len`` or ``in``.  For these, and for what is safer, see
`ucspi.compat.cdb`.
"""

import os

from ucspi.compat import _pythoncdb
from ucspi.compat import cdb as _cdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ucspi.compat._pythoncdb import Path, Text

error = _pythoncdb.error


class cdb(_pythoncdb.cdb):  # noqa: N801 - the original's name
    """A cdb file open for reading; `init` returns one."""

    __slots__ = ("_encoding",)

    def __init__(self, f: "Path | int", encoding: str | None = "utf-8") -> None:
        """Open a path, or read from a descriptor, which is not closed.

        Raises:
            OSError: it cannot be opened, or is shorter than a header.
        """
        self._encoding = encoding
        super().__init__(f)

    @property
    def name(self) -> "Path | int":
        """The path or descriptor that was given."""
        return self._fd if self._name is None else self._name  # type: ignore[return-value]

    def _cleanup(self) -> None:
        """Close the file; the original documents this name."""
        self._reader.close()
        if self._owned:
            self._owned = False
            os.close(self._fd)

    def _encoded(self, key: "Text | int") -> "Buffer":
        return _encode(key, self._encoding, "key must be of type bytes")

    def _decoded(self, data: bytes) -> str | bytes:
        if self._encoding is None:
            return data
        try:
            return data.decode(self._encoding)
        except UnicodeDecodeError:
            return data


class cdbmake(_cdb.cdbmake):  # noqa: N801 - the original's name
    """Makes a cdb file: writes to ``fntmp``, which `finish` renames to ``fn``."""

    __slots__ = ("encoding",)

    def __init__(self, cdb: "Path", tmp: "Path", encoding: str | None = "utf-8") -> None:
        """Create the temporary file ``tmp``, on the file system of ``cdb``.

        Raises:
            OSError: it cannot be created.
        """
        self.encoding = encoding
        super().__init__(cdb, tmp)

    def finish(self) -> None:
        """Write the tables, sync the file to the disk and rename it; a second call does nothing."""
        if self._writer is not None:
            super().finish()

    def _cleanup(self) -> None:
        """Remove the temporary file if it was not finished; the original documents this name."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.discard()

    def _encoded(self, text: "Text") -> "Buffer":
        if not isinstance(text, (str, bytes)):
            raise TypeError("add method only accepts bytes and str objects")
        return _encode(text, self.encoding, "add method only accepts bytes and str objects")


def init(f: "Path | int", encoding: str | None = "utf-8") -> cdb:
    """Open a cdb file, given as a path or a descriptor.

    Raises:
        OSError: it cannot be opened, or is shorter than a header.
    """
    return cdb(f, encoding)


def _encode(text: "Text | int", encoding: str | None, complaint: str) -> "Buffer":
    if isinstance(text, bytes):
        return text
    if encoding is None:
        raise TypeError(complaint)
    return (str(text) if isinstance(text, int) else text).encode(encoding)  # type: ignore[union-attr]
