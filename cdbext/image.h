/* The bytes of a whole cdb file, and the only way from a position to a pointer. */
#ifndef UCDB_IMAGE_H
#define UCDB_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum {
  UCDB_TABLES = 256,
  UCDB_HEADER_SIZE = 2048, /* 256 pointers */
  UCDB_PAIR_SIZE = 8       /* pointer, slot and record head alike: two u32 */
};

struct ucdb_image {
  const unsigned char *base;
  uint64_t size;
};

/* A stretch of the image: position and length in bytes. */
struct ucdb_span {
  uint64_t pos;
  uint64_t len;
};

/* The only place where a stored offset becomes a pointer.
 * NULL when [pos, pos+len) is not wholly inside the image. */
static inline const unsigned char *ucdb_at(const struct ucdb_image *im,
                                           uint64_t pos, uint64_t len)
{
  if (pos > im->size || len > im->size - pos)
    return NULL;
  return im->base + pos;
}

/* Integers in the file are little-endian and stand anywhere. */
static inline uint32_t ucdb_u32(const unsigned char *p)
{
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
         (uint32_t)p[3] << 24;
}

static inline void ucdb_put32(unsigned char *p, uint32_t number)
{
  p[0] = (unsigned char)number;
  p[1] = (unsigned char)(number >> 8);
  p[2] = (unsigned char)(number >> 16);
  p[3] = (unsigned char)(number >> 24);
}

#endif
