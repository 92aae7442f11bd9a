#include "cdb/buildtable.h"

#include <string.h>

#include "cdb/layout.h"

UCDB_FOR_EACH_FORMAT void fill(const unsigned char *entries, uint64_t count, unsigned char *table, int format)
{
  uint64_t size = ucdb_pair_size(format);
  uint64_t slots = count * 2;
  uint64_t slot = 0;
  uint64_t i;

  memset(table, 0, (size_t)(slots * size));
  for (i = 0; i < count; ++i, entries += size) {
    uint64_t hash = ucdb_first(entries, format);

    /* A hash seen just before goes on where that one ended, or many records
     * under one key would cost the square of their number. */
    if (!i || hash != ucdb_first(entries - size, format))
      slot = ucdb_first_slot(hash, slots, format);
    while (ucdb_second(table + slot * size, format))
      if (++slot == slots)
        slot = 0;
    memcpy(table + slot * size, entries, (size_t)size);
  }
}

void ucdb_table(const unsigned char *entries, uint64_t count, unsigned char *table, int format)
{
  if (format == UCDB_CDB)
    fill(entries, count, table, UCDB_CDB);
  else
    fill(entries, count, table, UCDB_CDB64);
}
