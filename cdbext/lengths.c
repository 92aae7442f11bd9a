#include "lengths.h"

#include "many.h"
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

/* Search a group of prefixes at once; the result is that of ucdb_rules_first.
 * Damage that a prefix after a found one meets does not matter. */
static int first_of_group(const struct ucdb_image *im, const unsigned char *bytes,
                          const unsigned char *sizes, int count,
                          struct ucdb_fault *fault)
{
  struct ucdb_wanted wanted[UCDB_GROUP];
  enum ucdb_status status;
  int i;

  for (i = 0; i < count; ++i) {
    wanted[i].key = bytes;
    wanted[i].len = sizes[i];
    wanted[i].data.pos = wanted[i].data.len = 0;
  }
  status = ucdb_find_group(im, wanted, count, fault);
  for (i = 0; i < count; ++i)
    if (wanted[i].data.pos)
      return sizes[i];
  return status == UCDB_MALFORMED ? -1 : 0;
}

int ucdb_rules_first(const struct ucdb_image *im, const unsigned char *bytes,
                     const unsigned char *sizes, uint32_t count,
                     struct ucdb_fault *fault)
{
  int found = 0;

  while (count && !found) {
    int group = count < UCDB_GROUP ? (int)count : UCDB_GROUP;

    found = first_of_group(im, bytes, sizes, group, fault);
    sizes += group;
    count -= (uint32_t)group;
  }
  return found;
}

int ucdb_rules_dotted(const struct ucdb_image *im, const unsigned char *ip,
                      uint32_t len, struct ucdb_fault *fault)
{
  unsigned char sizes[UINT8_MAX + 1];
  uint32_t count = 1;

  if (len > UINT8_MAX)
    len = UINT8_MAX;
  sizes[0] = (unsigned char)len;
  for (; len; --len)
    if (ip[len - 1] == '.')
      sizes[count++] = (unsigned char)len;
  return ucdb_rules_first(im, ip, sizes, count, fault);
}
