#include "find.h"

#include "probe.h"

enum ucdb_status ucdb_find(const struct ucdb_image *im,
                           struct ucdb_cursor *cur, const unsigned char *key,
                           uint64_t len, struct ucdb_span *data,
                           struct ucdb_fault *fault)
{
  enum ucdb_status status = UCDB_FOUND;

  if (!cur->begun)
    status = ucdb_begin(im, cur, key, len, fault);
  if (status == UCDB_FOUND)
    status = ucdb_probe(im, cur, key, len, data, fault);
  if (status != UCDB_FOUND)
    cur->left = 0;
  return status;
}

uint64_t ucdb_get(const struct ucdb_image *im, const unsigned char *key,
                  size_t len)
{
  struct ucdb_cursor cur = { 0 };
  struct ucdb_span data;
  struct ucdb_fault fault;

  switch (ucdb_find(im, &cur, key, len, &data, &fault)) {
    case UCDB_FOUND: return data.pos >> 32 ? 1 : data.pos << 32 | data.len;
    case UCDB_ABSENT: return 0;
    default: return 1;
  }
}
