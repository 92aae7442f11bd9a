#include "cdb/check.h"

#include "cdb/hash.h"
#include "cdb/walk.h"

/* One bit per byte of the records tells where a record begins that no slot has
 * named yet.  A slot's position must be inside the records before it asks. */
struct starts {
  unsigned char *bits;
  uint64_t begin;
  uint64_t end;
};

static unsigned char bit_of(uint64_t pos)
{
  return (unsigned char)(1u << (pos & 7));
}

static void mark(struct starts *starts, uint64_t pos)
{
  starts->bits[(pos - starts->begin) >> 3] |= bit_of(pos);
}

/* Whether a record begins here; from now on none does. */
static int strike(struct starts *starts, uint64_t pos)
{
  unsigned char *byte;
  int marked;

  if (pos < starts->begin || pos >= starts->end)
    return 0;
  byte = starts->bits + ((pos - starts->begin) >> 3);
  marked = *byte & bit_of(pos);
  *byte = (unsigned char)(*byte & ~bit_of(pos));
  return marked;
}

uint64_t ucdb_check_scratch(const struct ucdb_image *im)
{
  uint64_t begin = ucdb_header_size(im->format);
  uint64_t end = im->size < begin ? 0 : ucdb_records_end(im);

  if (end <= begin || end > im->size)
    return 1; /* nothing will be marked, but nobody likes an empty buffer */
  return ((end - begin) >> 3) + 1;
}

/* Where table number i lies; NULL when it has no slots or lies outside. */
static const unsigned char *table_of(const struct ucdb_image *im, uint64_t i, uint64_t *pos, uint64_t *slots)
{
  *pos = *slots = 0;
  if (!ucdb_read_pointer(im, i, pos, slots, im->format) || !*slots)
    return NULL;
  return ucdb_table_at(im, *pos, *slots, im->format);
}

static enum ucdb_status check_pointers(const struct ucdb_image *im, struct starts *starts,
                                       struct ucdb_fault *fault)
{
  uint64_t i, pos, slots;

  starts->begin = ucdb_header_size(im->format);
  if (im->size < starts->begin)
    return ucdb_malformed(fault, UCDB_SHORT_HEADER, im->size);
  starts->end = ucdb_records_end(im);
  if (starts->end < starts->begin || starts->end > im->size)
    return ucdb_malformed(fault, UCDB_BAD_TABLE, 0);
  for (i = 0; i < UCDB_TABLES; ++i) {
    const unsigned char *table = table_of(im, i, &pos, &slots);

    if (slots && (!table || pos < starts->end))
      return ucdb_malformed(fault, UCDB_BAD_TABLE, i * ucdb_pair_size(im->format));
  }
  return UCDB_FOUND;
}

/* Count the full slots at the end of a table. */
static uint64_t full_at_end(const unsigned char *table, uint64_t slots, int format)
{
  uint64_t count = 0;

  while (count < slots && ucdb_second(table + (slots - count - 1) * ucdb_pair_size(format), format))
    ++count;
  return count;
}

/* The record was walked over before, so its key lies inside. */
static uint64_t hash_at(const struct ucdb_image *im, uint64_t record)
{
  const unsigned char *head = im->base + record;
  uint64_t hash = ucdb_hash_of(head + ucdb_pair_size(im->format), ucdb_first(head, im->format));

  return ucdb_hash_in(hash, im->format);
}

static enum ucdb_status check_table(const struct ucdb_image *im, uint64_t i, struct starts *starts,
                                    struct ucdb_fault *fault)
{
  uint64_t index, pos, slots;
  const unsigned char *table = table_of(im, i, &pos, &slots);
  uint64_t size = ucdb_pair_size(im->format);
  uint64_t run; /* full slots before this one, around the end */

  if (!table)
    return UCDB_FOUND;
  run = full_at_end(table, slots, im->format);
  for (index = 0; index < slots; ++index, table += size) {
    uint64_t offset = pos + index * size;
    uint64_t hash = ucdb_first(table, im->format);
    uint64_t record = ucdb_second(table, im->format);

    if (!record) {
      run = 0;
      continue;
    }
    if (!strike(starts, record)) /* never was one, or a slot named it before */
      return ucdb_malformed(fault, UCDB_BAD_SLOT, offset);
    if (hash_at(im, record) != hash || ucdb_table_number(hash) != i)
      return ucdb_malformed(fault, UCDB_BAD_HASH, offset);
    if ((index + slots - ucdb_first_slot(hash, slots, im->format)) % slots > run)
      return ucdb_malformed(fault, UCDB_BAD_PLACE, offset);
    ++run;
  }
  return UCDB_FOUND;
}

/* tinycdb's -0 empties the key, zeros the data and forgets the slot. */
static int is_removed(const struct ucdb_image *im, const struct ucdb_record *record)
{
  const unsigned char *data = im->base + record->data.pos;
  uint64_t i;

  if (record->key.len)
    return 0;
  for (i = 0; i < record->data.len; ++i)
    if (data[i])
      return 0;
  return 1;
}

/* Go through the records: first to mark where each begins, then, when every
 * slot has struck the one that it names, to find one that no slot does. */
static enum ucdb_status walk_records(const struct ucdb_image *im, int are_struck, int removed_are_sound,
                                     struct starts *starts, struct ucdb_fault *fault)
{
  struct ucdb_walker walker = { 0 };
  struct ucdb_record record;
  enum ucdb_status status;

  while ((status = ucdb_walk(im, &walker, &record, fault)) == UCDB_FOUND)
    if (!are_struck)
      mark(starts, record.pos);
    else if (strike(starts, record.pos) && !(removed_are_sound && is_removed(im, &record)))
      return ucdb_malformed(fault, UCDB_LOST_RECORD, record.pos);
  return status;
}

void ucdb_check(const struct ucdb_image *im, unsigned char *scratch, int removed_are_sound,
                struct ucdb_fault *fault)
{
  struct starts starts = { scratch, 0, 0 };
  uint64_t i;

  fault->damage = UCDB_SOUND;
  if (check_pointers(im, &starts, fault) != UCDB_FOUND)
    return;
  if (walk_records(im, 0, removed_are_sound, &starts, fault) == UCDB_MALFORMED)
    return;
  for (i = 0; i < UCDB_TABLES; ++i)
    if (check_table(im, i, &starts, fault) != UCDB_FOUND)
      return;
  walk_records(im, 1, removed_are_sound, &starts, fault);
}
