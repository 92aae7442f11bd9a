/* The cdb hash.  Source: cr.yp.to/cdb/cdb.txt. */
#ifndef UCDB_HASH_H
#define UCDB_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash for callers in C: inline, since a look-up is little more. */
static inline uint32_t ucdb_hash_of(const unsigned char *key, uint64_t len)
{
  uint32_t h = 5381;
  uint64_t i;

  for (i = 0; i < len; ++i)
    h = ((h << 5) + h) ^ key[i];
  return h;
}

uint32_t ucdb_hash(const unsigned char *key, size_t len);

#endif
