#include "build.h"

#include <string.h>

#include "image.h"

void ucdb_table(const unsigned char *entries, uint32_t count,
                unsigned char *table)
{
  uint64_t slots = (uint64_t)count * 2;
  uint64_t slot = 0;
  uint64_t i;

  memset(table, 0, (size_t)slots * UCDB_PAIR_SIZE);
  for (i = 0; i < count; ++i, entries += UCDB_PAIR_SIZE) {
    uint32_t hash = ucdb_u32(entries);

    /* A hash seen just before goes on where that one ended, or many records
     * under one key would cost the square of their number. */
    if (!i || hash != ucdb_u32(entries - UCDB_PAIR_SIZE))
      slot = (hash >> 8) % slots;
    while (ucdb_u32(table + slot * UCDB_PAIR_SIZE + 4))
      if (++slot == slots)
        slot = 0;
    memcpy(table + slot * UCDB_PAIR_SIZE, entries, UCDB_PAIR_SIZE);
  }
}
