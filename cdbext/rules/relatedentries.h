/* What the files that relate lines share: an entry's record, and the order of addresses. */
#ifndef UCDB_RELATEDENTRIES_H
#define UCDB_RELATEDENTRIES_H

#include <string.h>

#include "cdb/image.h"
#include "rules/relatelines.h"

static inline const struct ucdb_entry *ucdb_entry_of(const struct ucdb_relations *all, uint32_t number)
{
  return &all->entries[number - 1];
}

static inline struct ucdb_span ucdb_key_of(const struct ucdb_relations *all, const struct ucdb_entry *entry)
{
  struct ucdb_span key;

  key.pos = entry->position + ucdb_pair_size(UCDB_CDB);
  key.len = ucdb_first(all->records + entry->position, UCDB_CDB);
  return key;
}

static inline int ucdb_same_data(const struct ucdb_relations *all, const struct ucdb_entry *a,
                                 const struct ucdb_entry *b)
{
  const unsigned char *one = all->records + a->position;
  const unsigned char *two = all->records + b->position;
  uint64_t len = ucdb_second(one, UCDB_CDB);
  const uint64_t head = ucdb_pair_size(UCDB_CDB);

  return len == ucdb_second(two, UCDB_CDB) &&
      !memcmp(one + head + ucdb_first(one, UCDB_CDB), two + head + ucdb_first(two, UCDB_CDB), (size_t)len);
}

/* The first bits of an address, IPv4 before IPv6: mostly they tell which of two
 * comes first, and they stand side by side. */
uint64_t ucdb_rank_of(const struct ucdb_entry *entry);

/* Sort the first `count` of all->order, and note for each the smallest around it. */
void ucdb_find_around(const struct ucdb_relations *all, uint32_t count);

#endif
