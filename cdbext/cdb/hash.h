/* The cdb hash.  Source: cr.yp.to/cdb/cdb.txt. */
#ifndef UCDB_HASH_H
#define UCDB_HASH_H

#include <stdint.h>

#include "cdb/layout.h"

/* The hash of a key: inline, since a look-up is little more.  Its low
 * 32 bits are the hash of a cdb, all 64 that of a cdb64: neither shift, sum nor
 * xor carries anything down. */
static inline uint64_t ucdb_hash_of(const unsigned char *key, uint64_t len)
{
  uint64_t h = 5381;
  uint64_t i;

  for (i = 0; i < len; ++i)
    h = ((h << 5) + h) ^ key[i];
  return h;
}

/* As much of it as a format stores. */
static inline uint64_t ucdb_hash_in(uint64_t hash, int format)
{
  return format == UCDB_CDB64 ? hash : (uint32_t)hash;
}

#endif
