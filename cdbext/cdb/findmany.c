#include "cdb/findmany.h"

#include "cdb/probe.h"

/* Ask for the memory at a position, without waiting for it.  Always inline: gcc
 * 12 takes a function with nothing but a prefetch for one without effect, and
 * drops the calls. */
static inline __attribute__((always_inline)) void ask(const struct ucdb_image *im, uint64_t pos)
{
  const unsigned char *at = ucdb_at(im, pos, 1);

  if (at)
    __builtin_prefetch(at);
}

/* Ask for the record that the search will look at first. */
static inline void ask_record(const struct ucdb_image *im, struct ucdb_cursor cur, int format)
{
  const unsigned char *table = ucdb_table_at(im, cur.table, cur.slots, format);

  for (; table && cur.left; ucdb_next_slot(&cur)) {
    const unsigned char *slot = table + cur.index * ucdb_pair_size(format);
    uint64_t record = ucdb_second(slot, format);

    if (!record)
      return;
    if (ucdb_first(slot, format) == cur.hash) {
      ask(im, record);
      return;
    }
  }
}

UCDB_FOR_EACH_FORMAT enum ucdb_status find_group(const struct ucdb_image *im, struct ucdb_wanted *wanted,
                                                 int count, struct ucdb_fault *fault, int format)
{
  struct ucdb_cursor cursors[UCDB_GROUP];
  struct ucdb_fault faults[UCDB_GROUP];
  enum ucdb_status status[UCDB_GROUP];
  int i;

  for (i = 0; i < count; ++i) {
    struct ucdb_cursor *cur = &cursors[i];

    status[i] = ucdb_begin(im, cur, ucdb_hash_of(wanted[i].key, wanted[i].len), &faults[i], format);
    if (status[i] == UCDB_FOUND)
      ask(im, cur->table + cur->index * ucdb_pair_size(format));
  }
  for (i = 0; i < count; ++i)
    if (status[i] == UCDB_FOUND)
      ask_record(im, cursors[i], format);
  for (i = 0; i < count; ++i) {
    if (status[i] == UCDB_FOUND)
      status[i] = ucdb_probe(im, &cursors[i], wanted[i].key, wanted[i].len, &wanted[i].data, &faults[i],
                             format);
    if (status[i] == UCDB_ABSENT)
      wanted[i].data.pos = wanted[i].data.len = 0;
    if (status[i] == UCDB_MALFORMED) {
      *fault = faults[i];
      return UCDB_MALFORMED;
    }
  }
  return UCDB_FOUND;
}

enum ucdb_status ucdb_find_group(const struct ucdb_image *im, struct ucdb_wanted *wanted, int count,
                                 struct ucdb_fault *fault)
{
  if (im->format == UCDB_CDB)
    return find_group(im, wanted, count, fault, UCDB_CDB);
  return find_group(im, wanted, count, fault, im->format);
}
