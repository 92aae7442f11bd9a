#include "cdb/walk.h"

static enum ucdb_status begin(const struct ucdb_image *im, struct ucdb_walker *walker,
                              struct ucdb_fault *fault)
{
  uint64_t start = ucdb_header_size(im->format);
  uint64_t end;

  walker->pos = walker->end = start;
  if (im->size < start)
    return ucdb_malformed(fault, UCDB_SHORT_HEADER, im->size);
  end = ucdb_records_end(im);
  if (end < start || end > im->size)
    return ucdb_malformed(fault, UCDB_BAD_TABLE, 0);
  walker->end = end;
  return UCDB_FOUND;
}

UCDB_FOR_EACH_FORMAT enum ucdb_status walk(const struct ucdb_image *im, struct ucdb_walker *walker,
                                           struct ucdb_record *record, struct ucdb_fault *fault, int format)
{
  /* bounded by where the tables begin */
  struct ucdb_image records = { im->base, walker->end, format };
  uint64_t pos = walker->pos;

  walker->pos = walker->end; /* for the case that this one is damaged */
  if (!ucdb_record_at(&records, pos, record, format))
    return ucdb_malformed(fault, UCDB_BAD_RECORD, pos);
  walker->pos = ucdb_record_end(record);
  return UCDB_FOUND;
}

enum ucdb_status ucdb_walk(const struct ucdb_image *im, struct ucdb_walker *walker,
                           struct ucdb_record *record, struct ucdb_fault *fault)
{
  if (!walker->pos && begin(im, walker, fault) != UCDB_FOUND)
    return UCDB_MALFORMED;
  if (walker->pos >= walker->end)
    return UCDB_ABSENT;
  if (im->format == UCDB_CDB)
    return walk(im, walker, record, fault, UCDB_CDB);
  return walk(im, walker, record, fault, im->format);
}
