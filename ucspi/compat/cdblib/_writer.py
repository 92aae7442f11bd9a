"""The writer of pure-cdb's interface, into any seekable file."""

from ucspi import cdb
from ucspi.compat._inplace import unfinished
from ucspi.compat.cdblib._keys import Keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO, Self


class Writer(Keys):
    """A cdb being written to a file; as a context manager it finalizes unless something is raised."""

    _format = "cdb"

    def __init__(self, fp: "BinaryIO", **options: "Any") -> None:
        """Begin at the start of the file, which stays open; see `Keys` for the options.

        Until `finalize` there is a header that every reader refuses.
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
            TypeError: the value is not bytes, or in a strict writer the key.
            KeyError: there is no encoder for the key.
            ClosedError: the file was finalized.
            CdbTooLargeError: it would pass 4 GB.
        """
        encoded = self._encoded(key)
        if not isinstance(value, bytes):
            raise TypeError("value must be of type bytes")
        self._builder.add(encoded, value)

    def puts(self, key: object, values: "Iterable[bytes]") -> None:
        """Append a record under the same key for each value."""
        for value in values:
            self.put(key, value)

    def putint(self, key: object, value: "Any") -> None:
        """Append a record whose value is a number in decimal digits."""
        self.put(key, b"%d" % int(value))

    def putints(self, key: object, values: "Iterable[Any]") -> None:
        """Append a record under the same key for each number."""
        for value in values:
            self.putint(key, value)

    def putstring(self, key: object, value: str, encoding: str = "utf-8") -> None:
        """Append a record whose value is text."""
        self.put(key, value.encode(encoding))

    def putstrings(self, key: object, values: "Iterable[str]", encoding: str = "utf-8") -> None:
        """Append a record under the same key for each text."""
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
        """Finalize, unless an exception is on its way or it was done before."""
        if kind is not None:
            self._builder.close()
        elif self._open:
            self.finalize()

    def _write(self, block: bytes) -> None:
        """Write all of a block: a file without a buffer may take a part only."""
        written = self.fp.write(block)
        while written is not None and written < len(block):
            block = block[written:]
            written = self.fp.write(block)


class Writer64(Writer):
    """The writer of files in 64 bits, which may pass 4 GB.

    They are of the original's own kind, whose hash stays cut to 32 bits.  What
    other programs read is a cdb64, as `ucspi.cdb.create` makes it.
    """

    _format = "cdblib64"
