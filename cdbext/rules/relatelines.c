#include "rules/relatelines.h"

#include <string.h>

#include "cdb/hash.h"
#include "cdb/image.h"
#include "cdb/findmany.h"
#include "rules/networkkey.h"
#include "rules/octet.h"

/* Entries in each other: each size once as network and once as prefix or address. */
enum { DEPTH_MAX = 2 * 129 };

static const struct ucdb_entry *entry_of(const struct ucdb_relations *all, uint32_t number)
{
  return &all->entries[number - 1];
}

static struct ucdb_span key_of(const struct ucdb_relations *all, const struct ucdb_entry *entry)
{
  struct ucdb_span key;

  key.pos = entry->position + ucdb_pair_size(UCDB_CDB);
  key.len = ucdb_first(all->records + entry->position, UCDB_CDB);
  return key;
}

static int same_data(const struct ucdb_relations *all, const struct ucdb_entry *a, const struct ucdb_entry *b)
{
  const unsigned char *one = all->records + a->position;
  const unsigned char *two = all->records + b->position;
  uint64_t len = ucdb_second(one, UCDB_CDB);
  const uint64_t head = ucdb_pair_size(UCDB_CDB);

  return len == ucdb_second(two, UCDB_CDB) &&
      !memcmp(one + head + ucdb_first(one, UCDB_CDB), two + head + ucdb_first(two, UCDB_CDB), (size_t)len);
}

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
    other = key_of(all, entry_of(all, (uint32_t)all->slots[at]));
    if (other.len == len && !memcmp(all->records + other.pos, key, (size_t)len))
      break;
  }
  return &all->slots[at];
}

uint32_t ucdb_related(const struct ucdb_relations *all, const unsigned char *key, uint64_t len)
{
  return (uint32_t)*slot_of(all, hash_of(key, len), key, len);
}

/* Whether an entry comes behind another: what is around comes first, and of the
 * same bits what is looked up first. */
static int comes_behind(const struct ucdb_entry *a, const struct ucdb_entry *b)
{
  int order = a->six - b->six;

  if (!order)
    order = memcmp(a->packed, b->packed, sizeof a->packed);
  if (!order)
    order = a->bits - b->bits;
  return order ? order > 0 : a->kind > b->kind;
}

/* The first bits of an address, IPv4 before IPv6: mostly they tell which of two
 * comes first, and they stand side by side. */
static uint64_t rank_of(const struct ucdb_entry *entry)
{
  uint64_t rank = 0;
  int at;

  for (at = 0; at < 8; ++at)
    rank = rank << 8 | entry->packed[at];
  return rank >> 1 | (uint64_t)entry->six << 63;
}

static int is_behind(const struct ucdb_relations *all, const struct ucdb_ranked *a,
                     const struct ucdb_ranked *b)
{
  if (a->rank != b->rank)
    return a->rank > b->rank;
  return comes_behind(entry_of(all, a->number), entry_of(all, b->number));
}

static void merge(const struct ucdb_relations *all, const struct ucdb_ranked *from, struct ucdb_ranked *to,
                  uint64_t middle, uint64_t end)
{
  uint64_t a = 0, b = middle, at;

  for (at = 0; at < end; ++at)
    if (b == end || (a < middle && !is_behind(all, &from[a], &from[b])))
      to[at] = from[a++];
    else
      to[at] = from[b++];
}

/* Sort the first `count` of all->order, and return where they are then. */
static const struct ucdb_ranked *sort(const struct ucdb_relations *all, uint32_t count)
{
  struct ucdb_ranked *from = all->order, *to = all->order + all->count;
  uint64_t width, at;

  for (at = 1; at < count; ++at)
    if (is_behind(all, &from[at - 1], &from[at]))
      break;
  if (at >= count) /* as lists of networks mostly are */
    return from;
  for (width = 1; width < count; width *= 2) {
    struct ucdb_ranked *other = from;

    for (at = 0; at < count; at += 2 * width) {
      uint64_t left = count - at;

      merge(all, from + at, to + at, left < width ? left : width, left < 2 * width ? left : 2 * width);
    }
    from = to;
    to = other;
  }
  return from;
}

static int lies_inside(const struct ucdb_entry *a, const struct ucdb_entry *around)
{
  int bits = around->bits, whole = bits / 8;

  return a->six == around->six && a->bits >= bits && !memcmp(a->packed, around->packed, (size_t)whole) &&
      (bits % 8 == 0 || !((a->packed[whole] ^ around->packed[whole]) >> (8 - bits % 8)));
}

static void find_around(const struct ucdb_relations *all, uint32_t count)
{
  const struct ucdb_ranked *order = sort(all, count);
  uint32_t stack[DEPTH_MAX];
  uint32_t depth = 0, at;

  for (at = 0; at < count; ++at) {
    struct ucdb_entry *entry = &all->entries[order[at].number - 1];

    while (depth && !lies_inside(entry, entry_of(all, stack[depth - 1])))
      --depth;
    entry->around = depth ? stack[depth - 1] : 0;
    if (depth < DEPTH_MAX)
      stack[depth++] = order[at].number;
  }
}

/* Enter one record: its first entry gets a slot and, if it has bits, a place
 * among the `sorted` ones. */
static uint32_t enter(struct ucdb_relations *all, uint32_t number, uint32_t hash, uint32_t sorted)
{
  struct ucdb_entry *entry = &all->entries[number - 1];
  struct ucdb_span span = key_of(all, entry);
  const unsigned char *key = all->records + span.pos;
  uint64_t *slot = slot_of(all, hash, key, span.len);

  all->differing |= !same_data(all, entry, &all->entries[0]);
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
  all->order[sorted].rank = rank_of(entry);
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
      key = key_of(all, entry);
      position = key.pos + key.len + ucdb_second(all->records + position, UCDB_CDB);
      hashes[i] = hash_of(all->records + key.pos, key.len);
      __builtin_prefetch(&all->slots[first_slot(all, hashes[i])]);
    }
    for (i = 0; i < size; ++i)
      sorted = enter(all, ++done, hashes[i], sorted);
  }
  find_around(all, sorted);
}

void ucdb_related_lengths(const struct ucdb_relations *all, struct ucdb_lengths *lengths)
{
  uint32_t at;

  for (at = 0; at < all->count; ++at)
    if (all->entries[at].kind == UCDB_NETWORK)
      (all->entries[at].six ? lengths->six : lengths->four)[all->entries[at].bits] = 1;
}

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
    for (*prefix = entry->around; *prefix; *prefix = entry_of(all, *prefix)->around)
      if (entry_of(all, *prefix)->kind == UCDB_PREFIX)
        return number;
  }
  return 0;
}

/* Whether the upper one of two lines is a surprise: it is not the one that is
 * looked up first, says something else, and is not told yet. */
static int surprises(const struct ucdb_relations *all, const struct ucdb_entry *narrow,
                     const struct ucdb_entry *wide)
{
  int wide_decides = narrow->kind == UCDB_NETWORK &&
      (wide->kind == UCDB_PREFIX || wide->kind == UCDB_ADDRESS);
  const struct ucdb_entry *decides = wide_decides ? wide : narrow;
  const struct ucdb_entry *other = wide_decides ? narrow : wide;

  return other->line < decides->line && !all->told[other->line] && !same_data(all, decides, other);
}

static int is_suspect_name(const struct ucdb_relations *all, const struct ucdb_entry *entry)
{
  struct ucdb_span key = key_of(all, entry);
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
    if (wide && surprises(all, entry, entry_of(all, wide)))
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
  for (wide = entry->around; wide; wide = entry_of(all, wide)->around)
    if (surprises(all, entry, entry_of(all, wide)))
      return 1;
  return all->everybody && surprises(all, entry, entry_of(all, all->everybody));
}

uint32_t ucdb_next_suspect(const struct ucdb_relations *all, uint32_t number)
{
  while (all->differing && number < all->count)
    if (is_suspect(all, &all->entries[number++]))
      return number;
  return 0;
}
