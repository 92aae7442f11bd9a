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

# What is wrong with a damaged image; the C core has the same texts in damage.c.
SHORT_HEADER = "shorter than its header"
BAD_TABLE = "table outside the file"
BAD_SLOT = "slot names no record"
BAD_RECORD = "record crosses the end"
BAD_HASH = "slot has the hash of another key"
BAD_PLACE = "slot cannot be reached from its first slot"
LOST_RECORD = "record that no slot names"
