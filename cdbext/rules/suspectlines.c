/* Which lines something may be said about: the questions of `lint` that C answers. */
#include "rules/relatedentries.h"

uint32_t ucdb_next_repeated(const struct ucdb_relations *all, uint32_t number)
{
  while (number < all->count)
    if (all->entries[number++].before)
      return number;
  return 0;
}

uint32_t ucdb_next_hidden(const struct ucdb_relations *all, uint32_t number, uint32_t *prefix)
{
  while (number < all->count) {
    const struct ucdb_entry *entry = &all->entries[number++];

    if (entry->kind != UCDB_NETWORK || entry->six)
      continue;
    for (*prefix = entry->around; *prefix; *prefix = ucdb_entry_of(all, *prefix)->around)
      if (ucdb_entry_of(all, *prefix)->kind == UCDB_PREFIX)
        return number;
  }
  return 0;
}

/* Whether the upper one of two lines is a surprise: it is not the one that is
 * looked up first, says something else, and is not reported yet. */
static int surprises(const struct ucdb_relations *all, const struct ucdb_entry *narrow,
                     const struct ucdb_entry *wide)
{
  int wide_decides = narrow->kind == UCDB_NETWORK &&
      (wide->kind == UCDB_PREFIX || wide->kind == UCDB_ADDRESS);
  const struct ucdb_entry *decides = wide_decides ? wide : narrow;
  const struct ucdb_entry *other = wide_decides ? narrow : wide;

  return other->line < decides->line && !all->reported[other->line] && !ucdb_same_data(all, decides, other);
}

static int is_suspect_name(const struct ucdb_relations *all, const struct ucdb_entry *entry)
{
  struct ucdb_span key = ucdb_key_of(all, entry);
  unsigned char cut[UINT8_MAX + 1];
  const unsigned char *name = all->records + key.pos;
  uint64_t at;

  if (key.len > UINT8_MAX)
    return 1;
  for (at = 2; at <= key.len; ++at) {
    uint64_t left = key.len - at;
    uint32_t wide;

    if (left && name[at] != '.')
      continue;
    cut[0] = '=';
    memcpy(cut + 1, name + at, (size_t)left);
    wide = ucdb_related(all, cut, left + 1);
    if (wide && surprises(all, entry, ucdb_entry_of(all, wide)))
      return 1;
  }
  return 0;
}

static int is_suspect(const struct ucdb_relations *all, const struct ucdb_entry *entry)
{
  uint32_t wide;

  if (entry->before || entry->kind == UCDB_EVERYBODY)
    return 0;
  if (entry->kind == UCDB_OTHER)
    return 1;
  if (entry->kind == UCDB_NAME && is_suspect_name(all, entry))
    return 1;
  for (wide = entry->around; wide; wide = ucdb_entry_of(all, wide)->around)
    if (surprises(all, entry, ucdb_entry_of(all, wide)))
      return 1;
  return all->everybody && surprises(all, entry, ucdb_entry_of(all, all->everybody));
}

uint32_t ucdb_next_suspect(const struct ucdb_relations *all, uint32_t number)
{
  while (all->differing && number < all->count)
    if (is_suspect(all, &all->entries[number++]))
      return number;
  return 0;
}
