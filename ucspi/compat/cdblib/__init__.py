"""The interface of pure-cdb 4.0.0.

    from ucspi.compat import cdblib

    with open("people.cdb", "wb") as file, cdblib.Writer(file) as writer:
        writer.put("one", b"Hello")
    with cdblib.Reader.from_file_path("people.cdb") as reader:
        reader.get("one")

As in the original, text keys are encoded as UTF-8 and numbers as their digits,
and methods return bytes.  Different on purpose:

- A `Writer` whose ``with`` block raises does not finish the file.  Until
  `Writer.finalize` every reader refuses it.  The original makes it look complete.
- Records with hash 0 are found, and every search ends.
- Damage is an OSError (and a `CdbFormatError`), never a `struct.error`.
- ``hashfn`` must compute djb's hash: no other cdb program could read a file with
  another one.
- Data are bytes, even if read from a bytearray or memoryview.
- `Reader` and `Reader64` both read 32-bit and 64-bit files: they recognize a file by
  its structure.

The original's module ``cdblib.compat`` is `ucspi.compat.cdblib.compat`.
"""

from ucspi.cdb import hash as djb_hash
from ucspi.compat.cdblib._reader import Reader as Reader
from ucspi.compat.cdblib._reader import Reader64 as Reader64
from ucspi.compat.cdblib._writer import Writer as Writer
from ucspi.compat.cdblib._writer import Writer64 as Writer64

__all__ = ["Reader", "Reader64", "Writer", "Writer64", "djb_hash"]
