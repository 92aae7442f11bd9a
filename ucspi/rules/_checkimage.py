"""Checking that an image is as ``tcprules`` makes it; only such an image may judge.

Where no rule applies everybody is allowed, so lost rules let everybody in.  A
hole of zeros in a file, as ``cp`` or a power cut leaves it, looks like records
that ``cdb -c -0`` removed: an empty key, and zeros as data.  The general check
of a cdb accepts these.  ``tcprules`` never writes them, nor data with a piece
that is empty or has no end, so here they are damage.
"""

from ucspi.cdb import Reader
from ucspi.cdb.layout import CDB
from ucspi.errors import CdbFormatError
from ucspi.rules._native import ffi, lib
from ucspi.rules._ruledata import ASSIGN, DENY

BAD_DATA = "data that no rule has"  # as in cdb/imagefault.c; a test compares them


def damage_of(reader: Reader) -> CdbFormatError | None:
    """Return the first thing in an image that ``tcprules`` never writes, or None; it is not raised."""
    if reader.format != "cdb":
        return CdbFormatError("a cdb64 holds no rules", offset=0)
    damage = reader.check(allow_removed=False)
    if damage is not None:
        return damage
    return odd_data(reader) if lib is None else odd_data_native(reader)


def odd_data(reader: Reader) -> CdbFormatError | None:
    """Return the first data that no rule has, or None; in pure Python."""
    at = CDB.header_size
    for key, data in reader.records():
        at += CDB.pair_size + len(key)
        if data and not _is_sound(data):
            return CdbFormatError(BAD_DATA, offset=at)
        at += len(data)
    return None


def _is_sound(data: bytes) -> bool:
    return data[:1] in (DENY, ASSIGN) and data[-1] == 0 and b"\0\0" not in data


def odd_data_native(reader: Reader) -> CdbFormatError | None:
    """Return what `odd_data` returns, by the C core."""
    view = reader.view
    fault = ffi.new("struct ucdb_fault *")
    with ffi.from_buffer("unsigned char[]", view) as held:
        image = ffi.new("struct ucdb_image *", (held, len(view)))
        lib.ucdb_rules_data(image, fault)
    if not fault.damage:
        return None
    return CdbFormatError(ffi.string(lib.ucdb_damage_text(fault.damage)).decode(), offset=fault.offset)
