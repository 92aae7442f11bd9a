/* A sieve: which hashes are in an image for sure not.
 *
 * A search for a key that is not there waits for one slot, somewhere in tables
 * that no cache holds.  Two bits a slot, one of which each record sets by its
 * hash, fit a cache and end four such searches of five before that wait. */
#ifndef UCDB_HASHSIEVE_H
#define UCDB_HASHSIEVE_H

#include "cdb/image.h"

/* Smaller tables stay in a cache themselves; for larger ones the sieve would
 * not. */
enum { UCDB_SIEVE_LEAST = 17, UCDB_SIEVE_MOST = 26 };

/* How many slots all tables have; 0 when a table lies outside the image, or
 * in its header. */
uint64_t ucdb_sieve_slots(const struct ucdb_image *im);

/* Its width for that many slots: it has 2^width bits; 0 when none is worth it. */
unsigned int ucdb_sieve_width(uint64_t slots);

/* Fill in 2^width bits, all zero before, from the hashes in the tables. */
void ucdb_sieve_fill(const struct ucdb_image *im, uint64_t *bits, unsigned int width);

/* The bit of a hash.  Its own bits are no mix of the key's: those below choose
 * the table, those above the slot. */
static inline uint32_t ucdb_sieve_bit(uint64_t hash, unsigned int width)
{
  return ((uint32_t)hash * UINT32_C(0x9e3779b1)) >> (32 - width);
}

/* 0: no record has this hash.  1: ask the tables. */
static inline int ucdb_sieve_passes(const uint64_t *bits, unsigned int width, uint64_t hash)
{
  uint32_t bit = ucdb_sieve_bit(hash, width);

  return (int)(bits[bit / 64] >> (bit % 64) & 1);
}

#endif
