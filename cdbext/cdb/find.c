#include "cdb/find.h"

#include "cdb/probe.h"

UCDB_FOR_EACH_FORMAT enum ucdb_status find(const struct ucdb_image *im, struct ucdb_cursor *cur,
                                           const unsigned char *key, uint64_t len, struct ucdb_span *data,
                                           struct ucdb_fault *fault, int format)
{
  enum ucdb_status status = UCDB_FOUND;

  if (!cur->begun)
    status = ucdb_begin(im, cur, ucdb_hash_of(key, len), fault, format);
  if (status == UCDB_FOUND)
    status = ucdb_probe(im, cur, key, len, data, fault, format);
  if (status != UCDB_FOUND)
    cur->left = 0;
  return status;
}

enum ucdb_status ucdb_find(const struct ucdb_image *im, struct ucdb_cursor *cur, const unsigned char *key,
                           uint64_t len, struct ucdb_span *data, struct ucdb_fault *fault)
{
  if (im->format == UCDB_CDB)
    return find(im, cur, key, len, data, fault, UCDB_CDB);
  return find(im, cur, key, len, data, fault, im->format);
}
