#include "rules/prefixlengths.h"

#include "cdb/walk.h"

int ucdb_rules_lengths(const struct ucdb_image *im, struct ucdb_lengths *lengths, struct ucdb_fault *fault)
{
  struct ucdb_walker walker = { 0 };
  struct ucdb_record record;
  enum ucdb_status status;

  while ((status = ucdb_walk(im, &walker, &record, fault)) == UCDB_FOUND) {
    if (record.key.len <= UCDB_LENGTH_MIN)
      continue;
    if (im->base[record.key.pos] == '_' && record.key.len <= UCDB_KEY4_MAX)
      lengths->any = lengths->four[record.key.len - 1] = 1;
    else if (im->base[record.key.pos] == '^' && record.key.len <= UCDB_KEY6_MAX)
      lengths->any = lengths->six[record.key.len - 1] = 1;
  }
  return status;
}
