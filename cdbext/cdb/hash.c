#include "cdb/hash.h"

uint32_t ucdb_hash(const unsigned char *key, size_t len)
{
  return (uint32_t)ucdb_hash_of(key, len);
}

uint64_t ucdb_hash64(const unsigned char *key, size_t len)
{
  return ucdb_hash_of(key, len);
}
