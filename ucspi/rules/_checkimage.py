"""Whether an image can be trusted to judge: it is as ``tcprules`` makes it.

No rule at all allows, so whatever makes rules vanish lets everybody in.  The
general check of a cdb takes a record with an empty key and zeros as data for
one that ``cdb -c -0`` removed, and a hole in a file, as ``cp`` and a power cut
leave, looks like nothing but such records.  ``tcprules`` never writes any, nor
data in which a piece is empty or has no end.
"""

from ucspi.cdb import Reader
from ucspi.cdb.layout import CDB
from ucspi.errors import CdbFormatError
from ucspi.rules._native import ffi, lib
from ucspi.rules._ruledata import ASSIGN, DENY

BAD_DATA = "data that no rule has"  # as in cdb/imagefault.c; a test compares them


def damage_of(reader: Reader) -> CdbFormatError | None:
    """Return the first thing in an image that ``tcprules`` never writes, or None."""
    if reader.format != "cdb":
        return CdbFormatError("a cdb64 holds no rules", offset=0)
    damage = reader.check(allow_removed=False)
    if damage is not None:
        return damage
    return odd_data(reader) if lib is None else odd_data_native(reader)


def odd_data(reader: Reader) -> CdbFormatError | None:
    """Return the first data that no rule has, or None, in pure Python."""
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
    """Return the same by the C core."""
    view = reader.view
    fault = ffi.new("struct ucdb_fault *")
    with ffi.from_buffer("unsigned char[]", view) as held:
        image = ffi.new("struct ucdb_image *", (held, len(view)))
        lib.ucdb_rules_data(image, fault)
    if not fault.damage:
        return None
    return CdbFormatError(ffi.string(lib.ucdb_damage_text(fault.damage)).decode(), offset=fault.offset)
