/* The bytes of a whole cdb file, and the only way from a position to a pointer. */
#ifndef UCDB_IMAGE_H
#define UCDB_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/* Files past 4 GB have every number in 64 bits instead of 32: the format of
 * cdb-20251021.  pure-cdb's differs from it by a hash cut to 32 bits. */
enum ucdb_format { UCDB_CDB, UCDB_CDB64, UCDB_CDBLIB64, UCDB_NO_FORMAT };

enum { UCDB_TABLES = 256 };

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

/* The only place where a stored offset becomes a pointer.
 * NULL when [pos, pos+len) is not wholly inside the image. */
static inline const unsigned char *ucdb_at(const struct ucdb_image *im, uint64_t pos, uint64_t len)
{
  if (pos > im->size || len > im->size - pos)
    return NULL;
  return im->base + pos;
}

/* Integers in the file are little-endian and stand anywhere. */
static inline uint32_t ucdb_u32(const unsigned char *p)
{
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ucdb_u64(const unsigned char *p)
{
  return ucdb_u32(p) | (uint64_t)ucdb_u32(p + 4) << 32;
}

static inline void ucdb_put32(unsigned char *p, uint32_t number)
{
  p[0] = (unsigned char)number;
  p[1] = (unsigned char)(number >> 8);
  p[2] = (unsigned char)(number >> 16);
  p[3] = (unsigned char)(number >> 24);
}

static inline void ucdb_put64(unsigned char *p, uint64_t number)
{
  ucdb_put32(p, (uint32_t)number);
  ucdb_put32(p + 4, (uint32_t)(number >> 32));
}

/* Pointer, slot and record head alike are a pair of numbers.  Where speed
 * counts the format is a constant, and only one side of each question is left. */
static inline uint64_t ucdb_pair_size(int format)
{
  return format == UCDB_CDB ? 8 : 16;
}

static inline uint64_t ucdb_first(const unsigned char *pair, int format)
{
  return format == UCDB_CDB ? ucdb_u32(pair) : ucdb_u64(pair);
}

static inline uint64_t ucdb_second(const unsigned char *pair, int format)
{
  return format == UCDB_CDB ? ucdb_u32(pair + 4) : ucdb_u64(pair + 8);
}

/* The numbers must fit the format. */
static inline void ucdb_put_pair(unsigned char *pair, uint64_t first, uint64_t second, int format)
{
  if (format == UCDB_CDB) {
    ucdb_put32(pair, (uint32_t)first);
    ucdb_put32(pair + 4, (uint32_t)second);
    return;
  }
  ucdb_put64(pair, first);
  ucdb_put64(pair + 8, second);
}

/* 256 pointers: 2048 or 4096 bytes. */
static inline uint64_t ucdb_header_size(int format)
{
  return UCDB_TABLES * ucdb_pair_size(format);
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

#endif
