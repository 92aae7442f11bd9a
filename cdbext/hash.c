#include "hash.h"

uint32_t ucdb_hash(const unsigned char *key, size_t len)
{
  return ucdb_hash_of(key, len);
}
