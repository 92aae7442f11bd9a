/* One search: its first slot, its probes, its match.  Private to the finders. */
#ifndef UCDB_PROBE_H
#define UCDB_PROBE_H

#include <string.h>

#include "find.h"
#include "hash.h"

/* Hash the key and choose table and first slot.  The whole table is checked
 * here, once, so that probing needs no bound but its slot count. */
static inline enum ucdb_status ucdb_begin(const struct ucdb_image *im,
                                          struct ucdb_cursor *cur,
                                          const unsigned char *key,
                                          uint64_t len,
                                          struct ucdb_fault *fault)
{
  const unsigned char *pointer;
  uint64_t pos;

  cur->begun = 1;
  cur->hash = ucdb_hash_of(key, len);
  pos = (uint64_t)(cur->hash % UCDB_TABLES) * UCDB_PAIR_SIZE;
  pointer = ucdb_at(im, pos, UCDB_PAIR_SIZE);
  if (!pointer)
    return ucdb_malformed(fault, UCDB_SHORT_HEADER, im->size);
  cur->table = ucdb_u32(pointer);
  cur->slots = ucdb_u32(pointer + 4);
  if (!cur->slots)
    return UCDB_ABSENT;
  if (cur->table < UCDB_HEADER_SIZE ||
      !ucdb_at(im, cur->table, (uint64_t)cur->slots * UCDB_PAIR_SIZE))
    return ucdb_malformed(fault, UCDB_BAD_TABLE, pos);
  cur->index = (cur->hash >> 8) % cur->slots;
  cur->left = cur->slots;
  return UCDB_FOUND;
}

/* Compare the record that a slot names with the key. */
static inline enum ucdb_status ucdb_match(const struct ucdb_image *im,
                                          uint64_t slot, uint64_t record,
                                          const unsigned char *key,
                                          uint64_t len, struct ucdb_span *data,
                                          struct ucdb_fault *fault)
{
  const unsigned char *head = ucdb_at(im, record, UCDB_PAIR_SIZE);
  const unsigned char *body;

  if (!head || record < UCDB_HEADER_SIZE)
    return ucdb_malformed(fault, UCDB_BAD_SLOT, slot);
  if (ucdb_u32(head) != len)
    return UCDB_ABSENT;
  data->pos = record + UCDB_PAIR_SIZE + len;
  data->len = ucdb_u32(head + 4);
  body = ucdb_at(im, record + UCDB_PAIR_SIZE, len + data->len);
  if (!body)
    return ucdb_malformed(fault, UCDB_BAD_RECORD, record);
  return !len || !memcmp(body, key, len) ? UCDB_FOUND : UCDB_ABSENT;
}

/* Probe upwards from cur->index, around the end, until a record matches. */
static inline enum ucdb_status ucdb_probe(const struct ucdb_image *im,
                                          struct ucdb_cursor *cur,
                                          const unsigned char *key,
                                          uint64_t len, struct ucdb_span *data,
                                          struct ucdb_fault *fault)
{
  const unsigned char *table =
      ucdb_at(im, cur->table, (uint64_t)cur->slots * UCDB_PAIR_SIZE);

  while (table && cur->left) { /* a damaged table may have no empty slot */
    uint64_t at = (uint64_t)cur->index * UCDB_PAIR_SIZE;
    uint32_t record = ucdb_u32(table + at + 4);
    enum ucdb_status status;

    if (!record)
      break;
    --cur->left;
    if (++cur->index == cur->slots)
      cur->index = 0;
    if (ucdb_u32(table + at) != cur->hash)
      continue;
    status = ucdb_match(im, cur->table + at, record, key, len, data, fault);
    if (status != UCDB_ABSENT)
      return status;
  }
  return UCDB_ABSENT;
}

#endif
