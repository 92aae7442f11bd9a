"""Constant databases: files and bytes, no sockets.

    with ucspi.cdb.create("people.cdb") as writer:
        writer.add(b"one", b"Hello")

    with ucspi.cdb.open("people.cdb") as reader:
        reader.get(b"one")

Keys and data are bytes.  The format is djb's, byte for byte.  For files that
may become larger than 4 GB use his cdb64: ``create(path, format="cdb64")``.
"""

from ucspi import _late_names
from ucspi.cdb._core import CORE as _CORE
from ucspi.cdb._core import backend as backend
from ucspi.errors import CdbFormatError as CdbFormatError
from ucspi.errors import CdbLengthError as CdbLengthError
from ucspi.errors import CdbTextError as CdbTextError
from ucspi.errors import CdbTooLargeError as CdbTooLargeError
from ucspi.errors import CdbTruncatedError as CdbTruncatedError
from ucspi.errors import ClosedError as ClosedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.cdb._hash import hash as hash
    from ucspi.cdb._hash import hash64 as hash64
    from ucspi.cdb._imagestream import dump as dump
    from ucspi.cdb._imagestream import scan as scan
    from ucspi.cdb._open import open as open
    from ucspi.cdb._purebuilder import Builder as Builder
    from ucspi.cdb._reader import Reader as Reader
    from ucspi.cdb._stats import Stats as Stats
    from ucspi.cdb._writer import Writer as Writer
    from ucspi.cdb._writer import create as create
    from ucspi.cdb._writer import make as make
    from ucspi.cdb.cdbmaketext import load as load
else:
    Builder = _CORE.builder
    hash = _CORE.hash
    hash64 = _CORE.hash64

    # A program loads only what it uses: these names are imported when they are first used.
    _LATER = {
        "Reader": "_reader",
        "Stats": "_stats",
        "Writer": "_writer",
        "create": "_writer",
        "dump": "_imagestream",
        "load": "cdbmaketext",
        "make": "_writer",
        "open": "_open",
        "scan": "_imagestream",
    }
    __getattr__, __dir__ = _late_names(globals(), _LATER)
