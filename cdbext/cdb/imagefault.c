#include "cdb/imagefault.h"

const char *ucdb_damage_text(int damage)
{
  switch (damage) {
    case UCDB_SHORT_HEADER: return "shorter than its header";
    case UCDB_BAD_TABLE: return "table outside the file";
    case UCDB_BAD_SLOT: return "slot names no record";
    case UCDB_BAD_RECORD: return "record crosses the end";
    case UCDB_BAD_HASH: return "slot has the hash of another key";
    case UCDB_BAD_PLACE: return "slot cannot be reached from its first slot";
    case UCDB_LOST_RECORD: return "record that no slot names";
    case UCDB_BAD_DATA: return "data that no rule has";
    case UCDB_BAD_FORMAT: return "fits no format of cdb: its tables are not in a row";
    default: return "sound";
  }
}
