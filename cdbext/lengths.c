#include "lengths.h"

#include "walk.h"

int ucdb_rules_lengths(const struct ucdb_image *im,
                       struct ucdb_lengths *lengths, struct ucdb_fault *fault)
{
  struct ucdb_walker walker = { 0 };
  struct ucdb_record record;
  enum ucdb_status status;

  while ((status = ucdb_walk(im, &walker, &record, fault)) == UCDB_FOUND) {
    if (!record.key.len)
      continue;
    if (im->base[record.key.pos] == '_' && record.key.len <= 33)
      lengths->four[record.key.len - 1] = 1;
    else if (im->base[record.key.pos] == '^' && record.key.len <= 129)
      lengths->six[record.key.len - 1] = 1;
  }
  return status;
}
