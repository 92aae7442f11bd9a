#include "rules/relatelines.h"

#include <string.h>

#include "cdb/findmany.h"
#include "cdb/hash.h"
#include "rules/networkkey.h"
#include "rules/octet.h"
#include "rules/relatedentries.h"

/* Numbers of an IPv4 address and the dots behind them. */
static void read_dotted(struct ucdb_entry *entry, const unsigned char *key, uint64_t len)
{
  const unsigned char *end = key + len;
  int count = 0;

  while (key < end) {
    int number = ucdb_read_octet(&key, end);

    if (number < 0 || count == 4)
      return;
    entry->packed[count++] = (unsigned char)number;
    if (key < end && *key++ != '.')
      return;
  }
  if (end[-1] == '.' && count < 4)
    entry->kind = UCDB_PREFIX;
  else if (end[-1] != '.' && count == 4)
    entry->kind = UCDB_ADDRESS;
  entry->bits = (unsigned char)(8 * count);
}

static void read_network(struct ucdb_entry *entry, const unsigned char *key, uint64_t len)
{
  int most = *key == '^' ? 128 : 32;

  if (len < 3 || len > (uint64_t)most + 1 || !ucdb_read_bits(key, (int)len - 1, entry->packed))
    return;
  entry->kind = UCDB_NETWORK;
  entry->six = most == 128;
  entry->bits = (unsigned char)(len - 1);
}

static void read_full6(struct ucdb_entry *entry, const unsigned char *key)
{
  unsigned char full[UCDB_FULL6_SIZE];

  if (!ucdb_read6(key, UCDB_FULL6_SIZE, entry->packed))
    return;
  ucdb_full6(entry->packed, full);
  if (memcmp(full, key, UCDB_FULL6_SIZE))
    return;
  entry->kind = UCDB_ADDRESS;
  entry->six = 1;
  entry->bits = 128;
}

static void classify(struct ucdb_entry *entry, const unsigned char *key, uint64_t len)
{
  if (!len)
    entry->kind = UCDB_EVERYBODY;
  else if (*key == '=')
    entry->kind = memchr(key, '@', (size_t)len) ? UCDB_OTHER : UCDB_NAME;
  else if (*key == '_' || *key == '^')
    read_network(entry, key, len);
  else if (len == UCDB_FULL6_SIZE)
    read_full6(entry, key);
  else
    read_dotted(entry, key, len);
}

/* Whose low bits are no mix of the key's, so it is mixed: the high ones choose the slot. */
static uint32_t hash_of(const unsigned char *key, uint64_t len)
{
  return (uint32_t)ucdb_hash_of(key, len) * UINT32_C(0x9e3779b1);
}

static uint64_t first_slot(const struct ucdb_relations *all, uint32_t hash)
{
  return (uint64_t)hash << all->width >> 32;
}

/* The slot of a key, or the empty one where it would be. */
static uint64_t *slot_of(const struct ucdb_relations *all, uint32_t hash, const unsigned char *key,
                         uint64_t len)
{
  uint64_t mask = ((uint64_t)1 << all->width) - 1;
  uint64_t at = first_slot(all, hash);

  for (; all->slots[at]; at = (at + 1) & mask) {
    struct ucdb_span other;

    if (all->slots[at] >> 32 != hash)
      continue;
    other = ucdb_key_of(all, ucdb_entry_of(all, (uint32_t)all->slots[at]));
    if (other.len == len && !memcmp(all->records + other.pos, key, (size_t)len))
      break;
  }
  return &all->slots[at];
}

uint32_t ucdb_related(const struct ucdb_relations *all, const unsigned char *key, uint64_t len)
{
  return (uint32_t)*slot_of(all, hash_of(key, len), key, len);
}

/* Enter one record: its first entry gets a slot and, if it has bits, a place
 * among the `sorted` ones. */
static uint32_t enter(struct ucdb_relations *all, uint32_t number, uint32_t hash, uint32_t sorted)
{
  struct ucdb_entry *entry = &all->entries[number - 1];
  struct ucdb_span span = ucdb_key_of(all, entry);
  const unsigned char *key = all->records + span.pos;
  uint64_t *slot = slot_of(all, hash, key, span.len);

  all->differing |= !ucdb_same_data(all, entry, &all->entries[0]);
  entry->before = (uint32_t)*slot;
  if (entry->before)
    return sorted;
  *slot = (uint64_t)hash << 32 | number;
  classify(entry, key, span.len);
  if (span.len && *key == '=')
    ++all->names;
  else if (span.len && !memchr(key, '@', (size_t)span.len))
    ++all->addresses;
  if (entry->kind == UCDB_EVERYBODY)
    all->everybody = number;
  if (entry->kind < UCDB_ADDRESS)
    return sorted;
  all->order[sorted].rank = ucdb_rank_of(entry);
  all->order[sorted].number = number;
  return sorted + 1;
}

void ucdb_relate(struct ucdb_relations *all)
{
  uint64_t position = 0;
  uint32_t done = 0, sorted = 0;

  while (done < all->count) {
    uint32_t left = all->count - done;
    uint32_t hashes[UCDB_GROUP];
    uint32_t size = left < UCDB_GROUP ? left : UCDB_GROUP, i;

    for (i = 0; i < size; ++i) { /* the slots are asked for before any is waited for */
      struct ucdb_entry *entry = &all->entries[done + i];
      struct ucdb_span key;

      entry->position = position;
      entry->line = all->lines[done + i];
      key = ucdb_key_of(all, entry);
      position = key.pos + key.len + ucdb_second(all->records + position, UCDB_CDB);
      hashes[i] = hash_of(all->records + key.pos, key.len);
      __builtin_prefetch(&all->slots[first_slot(all, hashes[i])]);
    }
    for (i = 0; i < size; ++i)
      sorted = enter(all, ++done, hashes[i], sorted);
  }
  ucdb_find_around(all, sorted);
}

void ucdb_related_lengths(const struct ucdb_relations *all, struct ucdb_lengths *lengths)
{
  uint32_t at;

  for (at = 0; at < all->count; ++at)
    if (all->entries[at].kind == UCDB_NETWORK)
      (all->entries[at].six ? lengths->six : lengths->four)[all->entries[at].bits] = 1;
}
