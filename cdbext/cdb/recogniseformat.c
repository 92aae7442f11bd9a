#include "cdb/recogniseformat.h"

#include "cdb/probe.h"
#include "cdb/walk.h"

/* How well the pointers fit a format: how many name the place where the table
 * before them ends, and how many tables there are, in their place or not.  Some
 * writers leave zeros for a table without slots: these say nothing. */
struct fit {
  int row, tables, wrong;
};

static struct fit fit_of(const struct ucdb_image *im)
{
  struct fit fit = { 0, 0, 0 };
  uint64_t size = ucdb_pair_size(im->format);
  uint64_t pointers = im->size / size;
  const unsigned char *pointer = im->base;
  uint64_t first = 0, end = 0;
  uint64_t i;

  if (pointers > UCDB_TABLES)
    pointers = UCDB_TABLES;
  for (i = 0; i < pointers; ++i, pointer += size) {
    uint64_t pos = ucdb_first(pointer, im->format);
    uint64_t slots = ucdb_second(pointer, im->format);

    first = first ? first : pos;
    fit.row += end && pos == end;
    end = pos + slots * size;
    if (slots) {
      if (pos < UCDB_TABLES * size)
        ++fit.wrong;
      else
        ++fit.tables;
    }
  }
  if (first < UCDB_TABLES * size)
    fit.row = 0; /* the records end inside the header */
  return fit;
}

/* Whether a search for this hash passes a slot with it that names the record. */
static int has_slot(const struct ucdb_image *im, uint64_t hash, uint64_t record)
{
  struct ucdb_cursor cur;
  struct ucdb_fault fault;
  const unsigned char *table;

  if (ucdb_begin(im, &cur, hash, &fault, im->format) != UCDB_FOUND)
    return 0;
  table = ucdb_table_at(im, cur.table, cur.slots, im->format);
  for (; table && cur.left; ucdb_next_slot(&cur)) {
    const unsigned char *slot = table + cur.index * ucdb_pair_size(im->format);

    if (!ucdb_second(slot, im->format))
      return 0;
    if (ucdb_second(slot, im->format) == record && ucdb_first(slot, im->format) == cur.hash)
      return 1;
  }
  return 0;
}

/* Walk to the first record whose hash does not fit 32 bits, and see under which
 * hash it was filed. */
static int hash_is_cut(const struct ucdb_image *im)
{
  struct ucdb_walker walker = { 0 };
  struct ucdb_record record;
  struct ucdb_fault fault;

  while (ucdb_walk(im, &walker, &record, &fault) == UCDB_FOUND) {
    uint64_t hash = ucdb_hash_of(im->base + record.key.pos, record.key.len);

    if (hash >> 32)
      return has_slot(im, (uint32_t)hash, record.pos) && !has_slot(im, hash, record.pos);
  }
  return 0;
}

int ucdb_recognise(const unsigned char *base, uint64_t size)
{
  struct ucdb_image narrow = { base, size, UCDB_CDB };
  struct ucdb_image wide = { base, size, UCDB_CDB64 };
  struct fit cdb = fit_of(&narrow), cdb64 = fit_of(&wide);
  int tables = cdb.tables + cdb.wrong;

  if (!cdb.row && !cdb64.row && tables > 1)
    return UCDB_NO_FORMAT;
  if (cdb.row > cdb64.row || cdb.row == UCDB_TABLES - 1)
    return UCDB_CDB;
  if (cdb.row == cdb64.row && (tables || !cdb64.tables || cdb64.wrong))
    return UCDB_CDB;
  return hash_is_cut(&wide) ? UCDB_CDBLIB64 : UCDB_CDB64;
}
