"""The interface of pure-cdb 4.0.0.

    from ucspi.compat import cdblib

    with open("people.cdb", "wb") as file, cdblib.Writer(file) as writer:
        writer.put("one", b"Hello")
    with cdblib.Reader.from_file_path("people.cdb") as reader:
        reader.get("one")

Text keys are encoded as UTF-8, numbers as their digits, and what comes out is
bytes, as in the original.  Different on purpose:

- A `Writer` whose ``with`` block raises does not finish the file; until
  `Writer.finalize` every reader refuses it.  The original made it look whole.
- Records whose hash is 0 are found, and every search ends.
- Damage is an OSError (a `CdbFormatError` too), never a `struct.error`.
- ``hashfn`` may be any function that computes djb's hash, and none that does not:
  no other cdb program could read such a file.
- Data comes as bytes also from a bytearray or memoryview.
- `Reader` and `Reader64` read files in 32 and in 64 bits alike: they see by its
  structure what a file is.

The original's module ``cdblib.compat`` is `ucspi.compat.cdblib.compat`.
"""

from ucspi.cdb import hash as djb_hash
from ucspi.compat.cdblib._reader import Reader as Reader
from ucspi.compat.cdblib._reader import Reader64 as Reader64
from ucspi.compat.cdblib._writer import Writer as Writer
from ucspi.compat.cdblib._writer import Writer64 as Writer64

__all__ = ["Reader", "Reader64", "Writer", "Writer64", "djb_hash"]
