#include "cdb/hashsieve.h"

static const unsigned char *table_of(const struct ucdb_image *im, int number, uint64_t *slots)
{
  uint64_t pos;

  if (!ucdb_read_pointer(im, (uint64_t)number, &pos, slots, im->format))
    return NULL;
  if (*slots && pos < ucdb_header_size(im->format))
    return NULL; /* damage to a search, which must go on meeting it */
  return ucdb_table_at(im, pos, *slots, im->format);
}

uint64_t ucdb_sieve_slots(const struct ucdb_image *im)
{
  uint64_t sum = 0;
  int i;

  for (i = 0; i < UCDB_TABLES; ++i) {
    uint64_t slots = 0;

    if (!table_of(im, i, &slots))
      return 0;
    sum += slots;
  }
  return sum;
}

unsigned int ucdb_sieve_width(uint64_t slots)
{
  unsigned int width = UCDB_SIEVE_LEAST + 1;

  if (slots < (uint64_t)1 << UCDB_SIEVE_LEAST || slots > (uint64_t)1 << UCDB_SIEVE_MOST)
    return 0;
  while ((uint64_t)1 << width < 2 * slots)
    ++width;
  return width;
}

void ucdb_sieve_fill(const struct ucdb_image *im, uint64_t *bits, unsigned int width)
{
  uint64_t size = ucdb_pair_size(im->format);
  int i;

  for (i = 0; i < UCDB_TABLES; ++i) {
    uint64_t slots = 0;
    const unsigned char *slot = table_of(im, i, &slots);

    for (; slot && slots; --slots, slot += size) {
      uint32_t bit;

      if (!ucdb_second(slot, im->format))
        continue;
      bit = ucdb_sieve_bit(ucdb_first(slot, im->format), width);
      bits[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
  }
}
