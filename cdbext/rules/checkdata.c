#include "rules/checkdata.h"

#include "cdb/walk.h"

static int is_sound(const unsigned char *data, uint64_t len)
{
  uint64_t i;

  if (!len)
    return 1;
  if ((data[0] != 'D' && data[0] != '+') || data[len - 1])
    return 0;
  for (i = 1; i < len; ++i)
    if (!data[i] && !data[i - 1])
      return 0;
  return 1;
}

int ucdb_rules_data(const struct ucdb_image *im, struct ucdb_fault *fault)
{
  struct ucdb_walker walker = { 0 };
  struct ucdb_record record;
  enum ucdb_status status;

  while ((status = ucdb_walk(im, &walker, &record, fault)) == UCDB_FOUND)
    if (!is_sound(im->base + record.data.pos, record.data.len))
      return ucdb_malformed(fault, UCDB_BAD_DATA, record.data.pos);
  return status;
}
