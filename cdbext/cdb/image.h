/* The bytes of a whole cdb file, and the only way from a position to a pointer. */
#ifndef UCDB_IMAGE_H
#define UCDB_IMAGE_H

#include <stddef.h>

#include "cdb/layout.h"

struct ucdb_image {
  const unsigned char *base;
  uint64_t size;
  int format; /* enum ucdb_format */
};

/* A stretch of the image: position and length in bytes. */
struct ucdb_span {
  uint64_t pos;
  uint64_t len;
};

struct ucdb_record {
  uint64_t pos;
  struct ucdb_span key;
  struct ucdb_span data;
};

/* The only place where a stored offset becomes a pointer.
 * NULL when [pos, pos+len) is not wholly inside the image. */
static inline const unsigned char *ucdb_at(const struct ucdb_image *im, uint64_t pos, uint64_t len)
{
  if (pos > im->size || len > im->size - pos)
    return NULL;
  return im->base + pos;
}

/* Where the records end and the tables begin, by the header, which is there.
 * Every writer of a cdb says so in the first pointer, whatever is in table 0; a
 * cdb64 may have zeros for a table without slots.  All zeros are no header: 0. */
static inline uint64_t ucdb_records_end(const struct ucdb_image *im)
{
  uint64_t first = ucdb_first(im->base, im->format), end = UINT64_MAX;
  uint64_t size = ucdb_pair_size(im->format);
  uint64_t i;

  if (im->format == UCDB_CDB || first || ucdb_second(im->base, im->format))
    return first;
  for (i = 0; i < UCDB_TABLES; ++i) {
    const unsigned char *pointer = im->base + i * size;

    if (ucdb_second(pointer, im->format) && ucdb_first(pointer, im->format) < end)
      end = ucdb_first(pointer, im->format);
  }
  return end == UINT64_MAX ? 0 : end;
}

/* A whole table; NULL when it lies outside. */
static inline const unsigned char *ucdb_table_at(const struct ucdb_image *im, uint64_t pos, uint64_t slots,
                                                 int format)
{
  if (slots > im->size / ucdb_pair_size(format))
    return NULL;
  return ucdb_at(im, pos, slots * ucdb_pair_size(format));
}

/* Where the table of that number lies, and how many slots it has, as its pointer
 * says; 0 when the image is too short to have the pointer. */
static inline int ucdb_read_pointer(const struct ucdb_image *im, uint64_t number, uint64_t *pos,
                                    uint64_t *slots, int format)
{
  const unsigned char *pointer = ucdb_at(im, number * ucdb_pair_size(format), ucdb_pair_size(format));

  if (!pointer)
    return 0;
  *pos = ucdb_first(pointer, format);
  *slots = ucdb_second(pointer, format);
  return 1;
}

/* Read the record at a position; 0 when it is not wholly inside the image. */
static inline int ucdb_record_at(const struct ucdb_image *im, uint64_t pos, struct ucdb_record *record,
                                 int format)
{
  const unsigned char *head = ucdb_at(im, pos, ucdb_pair_size(format));

  if (!head)
    return 0;
  record->pos = pos;
  record->key.pos = pos + ucdb_pair_size(format);
  record->key.len = ucdb_first(head, format);
  record->data.pos = record->key.pos + record->key.len;
  record->data.len = ucdb_second(head, format);
  /* One by one: the sum of two 64-bit lengths may wrap. */
  return ucdb_at(im, record->key.pos, record->key.len) && ucdb_at(im, record->data.pos, record->data.len);
}

static inline uint64_t ucdb_record_end(const struct ucdb_record *record)
{
  return record->data.pos + record->data.len;
}

#endif
