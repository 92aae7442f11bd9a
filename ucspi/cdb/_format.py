"""The cdb file format as constants: sizes in bytes, integers little-endian u32.

    header    256 pointers, 2048 bytes   pointer = table position, slots in table
    records   in the order added         record  = key length, data length, key, data
    tables    256, possibly empty        slot    = hash, record position (0: empty slot)

A key's hash picks table ``hash % 256`` and first slot ``(hash >> 8) % slots``;
probing goes upwards and wraps.  A table of n records has 2n slots.  The records
end where table 0 begins.  Source: cr.yp.to/cdb/cdb.txt.

A cdb64 has u64 where a cdb has u32, so its header has 4096 bytes.  Source: cdb-20251021.
"""

TABLES = 256
HEADER_SIZE = 2048
PAIR_SIZE = 8  # pointer, slot and record head alike
FILE_MAX = 2**32 - 1  # a position must fit a u32
BLOCK_SIZE = 65536  # records are handed to the sink in blocks of about this size

# What is wrong with a damaged image; the C core has the same texts in cdb/imagefault.c.
SHORT_HEADER = "shorter than its header"
BAD_FORMAT = "fits no format of cdb: its tables are not in a row"
BAD_TABLE = "table outside the file"
BAD_SLOT = "slot names no record"
BAD_RECORD = "record crosses the end"
BAD_HASH = "slot has the hash of another key"
BAD_PLACE = "slot cannot be reached from its first slot"
LOST_RECORD = "record that no slot names"


def records_end(header: "bytes | memoryview", width: int) -> int:
    """Return where the records end and the tables begin, by a header with numbers of so many bytes.

    Every writer of a cdb says so in the first pointer, whatever is in table 0;
    a cdb64 may have zeros for a table without slots.  All zeros are no header:
    then it is 0.
    """
    step = 2 * width
    first = int.from_bytes(header[:width], "little")
    if first or width == 4 or any(header[width:step]):
        return first
    starts = range(0, TABLES * step, step)
    ends = [
        int.from_bytes(header[at : at + width], "little")
        for at in starts
        if any(header[at + width : at + step])
    ]
    return min(ends, default=0)
