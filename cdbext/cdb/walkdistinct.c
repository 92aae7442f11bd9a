#include "cdb/walkdistinct.h"

#include "cdb/probe.h"

/* Walk ahead and ask for the first slot of each key. */
static inline void go_ahead(const struct ucdb_image *im, struct ucdb_distinct *walk, int format)
{
  struct ucdb_fault ignored; /* found again when it is this record's turn */
  int i;

  walk->next = 0;
  for (i = 0; i < UCDB_GROUP; ++i) {
    struct ucdb_record *record = &walk->records[i];
    struct ucdb_cursor *cur = &walk->cursors[i];
    uint64_t hash;

    walk->walked = ucdb_walk(im, &walk->walker, record, &walk->fault);
    if (walk->walked != UCDB_FOUND)
      break;
    hash = ucdb_hash_of(im->base + record->key.pos, record->key.len);
    walk->begun[i] = ucdb_begin(im, cur, hash, &ignored, format);
    if (walk->begun[i] == UCDB_FOUND)
      __builtin_prefetch(im->base + cur->table + cur->index * ucdb_pair_size(format));
  }
  walk->count = i;
}

/* UCDB_FOUND when no slot before the record's own leads to the same key. */
static inline enum ucdb_status is_first(const struct ucdb_image *im, struct ucdb_cursor *cur,
                                        const struct ucdb_record *record, struct ucdb_fault *fault,
                                        int format)
{
  const unsigned char *table = ucdb_table_at(im, cur->table, cur->slots, format);
  const unsigned char *key = im->base + record->key.pos;

  for (; table && cur->left; ucdb_next_slot(cur)) {
    uint64_t at = cur->index * ucdb_pair_size(format);
    uint64_t named = ucdb_second(table + at, format);
    struct ucdb_span data;
    enum ucdb_status status;

    if (!named)
      break;
    if (ucdb_first(table + at, format) == cur->hash) {
      if (named == record->pos)
        return UCDB_FOUND;
      status = ucdb_match(im, cur->table + at, named, key, record->key.len, &data, fault, format);
      if (status != UCDB_ABSENT)
        return status == UCDB_FOUND ? UCDB_ABSENT : status;
    }
  }
  return UCDB_ABSENT;
}

UCDB_FOR_EACH_FORMAT enum ucdb_status step(const struct ucdb_image *im, struct ucdb_distinct *walk,
                                           struct ucdb_record *record, struct ucdb_fault *fault, int format)
{
  for (;;) {
    enum ucdb_status status;
    int i = walk->next++;

    if (i >= walk->count) {
      if (walk->count && walk->walked != UCDB_FOUND) {
        walk->next = walk->count;
        *fault = walk->fault;
        return walk->walked;
      }
      go_ahead(im, walk, format);
      if (!walk->count) {
        *fault = walk->fault;
        return walk->walked;
      }
      continue;
    }
    *record = walk->records[i];
    status = walk->begun[i];
    if (status == UCDB_MALFORMED)
      return ucdb_begin(im, &walk->cursors[i], walk->cursors[i].hash, fault, format);
    if (status == UCDB_FOUND)
      status = is_first(im, &walk->cursors[i], record, fault, format);
    if (status != UCDB_ABSENT)
      return status;
  }
}

enum ucdb_status ucdb_walk_distinct(const struct ucdb_image *im, struct ucdb_distinct *walk,
                                    struct ucdb_record *record, struct ucdb_fault *fault)
{
  if (im->format == UCDB_CDB)
    return step(im, walk, record, fault, UCDB_CDB);
  return step(im, walk, record, fault, im->format);
}
