#include "rules/relatedentries.h"

/* Entries in each other: each size once as network and once as prefix or address. */
enum { DEPTH_MAX = 2 * 129 };

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

uint64_t ucdb_rank_of(const struct ucdb_entry *entry)
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
  return comes_behind(ucdb_entry_of(all, a->number), ucdb_entry_of(all, b->number));
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

void ucdb_find_around(const struct ucdb_relations *all, uint32_t count)
{
  const struct ucdb_ranked *order = sort(all, count);
  uint32_t stack[DEPTH_MAX];
  uint32_t depth = 0, at;

  for (at = 0; at < count; ++at) {
    struct ucdb_entry *entry = &all->entries[order[at].number - 1];

    while (depth && !lies_inside(entry, ucdb_entry_of(all, stack[depth - 1])))
      --depth;
    entry->around = depth ? stack[depth - 1] : 0;
    if (depth < DEPTH_MAX)
      stack[depth++] = order[at].number;
  }
}
