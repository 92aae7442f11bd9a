"""The writer with pure-cdb's interface, for any seekable file."""

from ucspi import cdb
from ucspi.compat._inplace import unfinished
from ucspi.compat.cdblib._keys import Keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO, Self


class Writer(Keys):
    """Writes a cdb to a file; a ``with`` block finalizes it unless the block raises."""

    _format = "cdb"

    def __init__(self, fp: "BinaryIO", **options: "Any") -> None:
        """Write from the start of the file, which stays open; see `Keys` for the options.

        Until `finalize` the file has a header that every reader refuses.
        """
        super().__init__(**options)
        self.fp = fp
        fp.seek(0)
        self._builder = cdb.Builder(self._write, format=self._format)
        self._write(unfinished(self._builder.header_size))
        self._open = True

    def put(self, key: object, value: bytes = b"") -> None:
        """Append a record.

        Raises:
            TypeError: the value is not bytes, or the writer is strict and the key is not.
            KeyError: there is no encoder for the key.
            ClosedError: the file was finalized.
            CdbTooLargeError: it would pass 4 GB.
        """
        encoded = self._encoded(key)
        if not isinstance(value, bytes):
            raise TypeError("value must be of type bytes")
        self._builder.add(encoded, value)

    def puts(self, key: object, values: "Iterable[bytes]") -> None:
        """Append a record with the same key for each value."""
        for value in values:
            self.put(key, value)

    def putint(self, key: object, value: "Any") -> None:
        """Append a record whose value is a number in decimal digits."""
        self.put(key, b"%d" % int(value))

    def putints(self, key: object, values: "Iterable[Any]") -> None:
        """Append a record with the same key for each number."""
        for value in values:
            self.putint(key, value)

    def putstring(self, key: object, value: str, encoding: str = "utf-8") -> None:
        """Append a record whose value is text."""
        self.put(key, value.encode(encoding))

    def putstrings(self, key: object, values: "Iterable[str]", encoding: str = "utf-8") -> None:
        """Append a record with the same key for each text."""
        for value in values:
            self.putstring(key, value, encoding)

    def finalize(self) -> None:
        """Write the tables and, last, the header; the file stays open.

        Raises:
            ClosedError: the file was finalized before.
        """
        self._open = False
        header = self._builder.finish()
        self.fp.seek(0)
        self._write(header)

    def __enter__(self) -> "Self":
        """Return the writer itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finalize, unless the block raised or it was done before."""
        if kind is not None:
            self._builder.close()
        elif self._open:
            self.finalize()

    def _write(self, block: bytes) -> None:
        """Write all of a block; an unbuffered file may write only a part at a time."""
        written = self.fp.write(block)
        while written is not None and written < len(block):
            block = block[written:]
            written = self.fp.write(block)


class Writer64(Writer):
    """The writer of 64-bit files, which may pass 4 GB.

    These have the original's own format, with a hash of 32 bits.  Other programs
    read the format cdb64, which `ucspi.cdb.create` makes.
    """

    _format = "cdblib64"
