#include "lengths.h"

#include "find.h"
#include "hash.h"
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

#if defined(__GNUC__)
#define PREFETCH(p) __builtin_prefetch(p)
#else
#define PREFETCH(p) ((void)(p))
#endif

/* Ask for the slot where the search for a key will begin; a wrong guess costs
 * nothing but time. */
static void prefetch_slot(const struct ucdb_image *im, const unsigned char *key,
                          uint64_t len)
{
  uint32_t hash = ucdb_hash_of(key, len);
  const unsigned char *pointer =
      ucdb_at(im, hash % UCDB_TABLES * UCDB_PAIR_SIZE, UCDB_PAIR_SIZE);
  uint64_t slots = pointer ? ucdb_u32(pointer + 4) : 0;
  const unsigned char *slot;

  if (!slots)
    return;
  slot = ucdb_at(im, ucdb_u32(pointer) + (hash >> 8) % slots * UCDB_PAIR_SIZE,
                 UCDB_PAIR_SIZE);
  if (slot)
    PREFETCH(slot);
}

int ucdb_rules_first(const struct ucdb_image *im, const unsigned char *bytes,
                     const unsigned char *sizes, uint32_t count,
                     struct ucdb_fault *fault)
{
  uint32_t i;

  for (i = 0; i < count; ++i)
    prefetch_slot(im, bytes, sizes[i]);
  for (i = 0; i < count; ++i) {
    struct ucdb_cursor cursor = { 0 };
    struct ucdb_span data;

    switch (ucdb_find(im, &cursor, bytes, sizes[i], &data, fault)) {
      case UCDB_FOUND: return sizes[i];
      case UCDB_ABSENT: break;
      default: return -1;
    }
  }
  return 0;
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
