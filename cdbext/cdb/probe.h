/* One search: its first slot, its probes, its match.  Private to the finders. */
#ifndef UCDB_PROBE_H
#define UCDB_PROBE_H

#include <string.h>

#include "cdb/find.h"
#include "cdb/hash.h"

/* Choose table and first slot.  The whole table is checked here, once, so that
 * probing needs no bound but its slot count. */
static inline enum ucdb_status ucdb_begin(const struct ucdb_image *im, struct ucdb_cursor *cur, uint64_t hash,
                                          struct ucdb_fault *fault, int format)
{
  uint64_t number = ucdb_table_number(hash);

  cur->begun = 1;
  cur->hash = ucdb_hash_in(hash, format);
  if (!ucdb_read_pointer(im, number, &cur->table, &cur->slots, format))
    return ucdb_malformed(fault, UCDB_SHORT_HEADER, im->size);
  if (!cur->slots)
    return UCDB_ABSENT;
  if (cur->table < ucdb_header_size(format) || !ucdb_table_at(im, cur->table, cur->slots, format))
    return ucdb_malformed(fault, UCDB_BAD_TABLE, number * ucdb_pair_size(format));
  cur->index = ucdb_first_slot(cur->hash, cur->slots, format);
  cur->left = cur->slots;
  return UCDB_FOUND;
}

/* Go on to the next slot, around the end. */
static inline void ucdb_next_slot(struct ucdb_cursor *cur)
{
  --cur->left;
  if (++cur->index == cur->slots)
    cur->index = 0;
}

/* Compare the record that a slot names with the key. */
static inline enum ucdb_status ucdb_match(const struct ucdb_image *im, uint64_t slot, uint64_t record,
                                          const unsigned char *key, uint64_t len, struct ucdb_span *data,
                                          struct ucdb_fault *fault, int format)
{
  const unsigned char *head = ucdb_at(im, record, ucdb_pair_size(format));
  uint64_t start = record + ucdb_pair_size(format);

  if (!head || record < ucdb_header_size(format))
    return ucdb_malformed(fault, UCDB_BAD_SLOT, slot);
  if (ucdb_first(head, format) != len)
    return UCDB_ABSENT;
  data->pos = start + len;
  data->len = ucdb_second(head, format);
  if (!ucdb_at(im, start, len) || !ucdb_at(im, data->pos, data->len))
    return ucdb_malformed(fault, UCDB_BAD_RECORD, record);
  return !len || !memcmp(im->base + start, key, len) ? UCDB_FOUND : UCDB_ABSENT;
}

/* Probe upwards from cur->index, around the end, until a record matches. */
static inline enum ucdb_status ucdb_probe(const struct ucdb_image *im, struct ucdb_cursor *cur,
                                          const unsigned char *key, uint64_t len, struct ucdb_span *data,
                                          struct ucdb_fault *fault, int format)
{
  const unsigned char *table = ucdb_table_at(im, cur->table, cur->slots, format);

  while (table && cur->left) { /* a damaged table may have no empty slot */
    uint64_t at = cur->index * ucdb_pair_size(format);
    uint64_t record = ucdb_second(table + at, format);
    enum ucdb_status status;

    if (!record)
      break;
    ucdb_next_slot(cur);
    if (ucdb_first(table + at, format) != cur->hash)
      continue;
    status = ucdb_match(im, cur->table + at, record, key, len, data, fault, format);
    if (status != UCDB_ABSENT)
      return status;
  }
  return UCDB_ABSENT;
}

/* The first record's data under a key with that hash.  Inline, with image and cursor in
 * registers: for callers whose whole work this is. */
static inline enum ucdb_status ucdb_first_data(struct ucdb_image image, uint64_t hash,
                                               const unsigned char *key, uint64_t len, struct ucdb_span *data,
                                               struct ucdb_fault *fault, int format)
{
  struct ucdb_cursor cursor;
  enum ucdb_status status = ucdb_begin(&image, &cursor, hash, fault, format);

  if (status != UCDB_FOUND)
    return status;
  return ucdb_probe(&image, &cursor, key, len, data, fault, format);
}

#endif
