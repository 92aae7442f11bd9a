#include "hash.h"

uint32_t ucdb_hash(const unsigned char *key, size_t len)
{
  uint32_t h = 5381;
  size_t i;

  for (i = 0; i < len; ++i)
    h = (h * 33u) ^ key[i];
  return h;
}
