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

static inline enum ucdb_status walk(const struct ucdb_image *im, struct ucdb_walker *walker,
                                    struct ucdb_record *record, struct ucdb_fault *fault, int format)
{
  /* bounded by where the tables begin */
  struct ucdb_image records = { im->base, walker->end, format };
  const unsigned char *head;

  record->pos = walker->pos;
  walker->pos = walker->end; /* for the case that this one is damaged */
  head = ucdb_at(&records, record->pos, ucdb_pair_size(format));
  if (!head)
    return ucdb_malformed(fault, UCDB_BAD_RECORD, record->pos);
  record->key.pos = record->pos + ucdb_pair_size(format);
  record->key.len = ucdb_first(head, format);
  record->data.pos = record->key.pos + record->key.len;
  record->data.len = ucdb_second(head, format);
  if (!ucdb_at(&records, record->key.pos, record->key.len) ||
      !ucdb_at(&records, record->data.pos, record->data.len))
    return ucdb_malformed(fault, UCDB_BAD_RECORD, record->pos);
  walker->pos = record->data.pos + record->data.len;
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
