#include "walk.h"

/* The records end where table 0 begins. */
static enum ucdb_status begin(const struct ucdb_image *im,
                              struct ucdb_walker *walker,
                              struct ucdb_fault *fault)
{
  const unsigned char *pointer = ucdb_at(im, 0, UCDB_PAIR_SIZE);

  walker->pos = walker->end = UCDB_HEADER_SIZE;
  if (!pointer)
    return ucdb_malformed(fault, UCDB_SHORT_HEADER, im->size);
  if (ucdb_u32(pointer) < UCDB_HEADER_SIZE || ucdb_u32(pointer) > im->size)
    return ucdb_malformed(fault, UCDB_BAD_TABLE, 0);
  walker->end = ucdb_u32(pointer);
  return UCDB_FOUND;
}

enum ucdb_status ucdb_walk(const struct ucdb_image *im,
                           struct ucdb_walker *walker,
                           struct ucdb_record *record,
                           struct ucdb_fault *fault)
{
  struct ucdb_image records = *im; /* bounded by where the tables begin */
  const unsigned char *head;

  if (!walker->pos && begin(im, walker, fault) != UCDB_FOUND)
    return UCDB_MALFORMED;
  if (walker->pos >= walker->end)
    return UCDB_ABSENT;
  records.size = walker->end;
  record->pos = walker->pos;
  walker->pos = walker->end; /* for the case that this one is damaged */
  head = ucdb_at(&records, record->pos, UCDB_PAIR_SIZE);
  if (!head)
    return ucdb_malformed(fault, UCDB_BAD_RECORD, record->pos);
  record->key.pos = record->pos + UCDB_PAIR_SIZE;
  record->key.len = ucdb_u32(head);
  record->data.pos = record->key.pos + record->key.len;
  record->data.len = ucdb_u32(head + 4);
  if (!ucdb_at(&records, record->key.pos, record->key.len + record->data.len))
    return ucdb_malformed(fault, UCDB_BAD_RECORD, record->pos);
  walker->pos = record->data.pos + record->data.len;
  return UCDB_FOUND;
}
