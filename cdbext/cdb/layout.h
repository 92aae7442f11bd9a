/* The layout of a cdb file: its numbers, and where pointers, records and slots stand.
 *
 *   header    256 pointers           pointer = table position, slots in table
 *   records   in the order added     record  = key length, data length, key, data
 *   tables    256, possibly empty    slot    = hash, record position (0: empty slot)
 *
 * A key's hash picks its table and its first slot there; probing goes upwards
 * and wraps.  Source: cr.yp.to/cdb/cdb.txt. */
#ifndef UCDB_LAYOUT_H
#define UCDB_LAYOUT_H

#include <stdint.h>

/* Files past 4 GB have every number in 64 bits instead of 32: the format of
 * cdb-20251021.  pure-cdb's differs from it by a hash cut to 32 bits. */
enum ucdb_format { UCDB_CDB, UCDB_CDB64, UCDB_CDBLIB64, UCDB_NO_FORMAT };

enum { UCDB_TABLES = 256 };

/* A function with a parameter `format`, called once with the constant UCDB_CDB and
 * once with what is left: the compiler makes two of it.  Left to itself it
 * sometimes makes one, for all formats, which is slower by a tenth. */
#define UCDB_FOR_EACH_FORMAT static inline __attribute__((always_inline))

/* Integers in the file are little-endian and stand anywhere. */
static inline uint32_t ucdb_u32(const unsigned char *p)
{
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ucdb_u64(const unsigned char *p)
{
  return ucdb_u32(p) | (uint64_t)ucdb_u32(p + 4) << 32;
}

static inline void ucdb_put32(unsigned char *p, uint32_t number)
{
  p[0] = (unsigned char)number;
  p[1] = (unsigned char)(number >> 8);
  p[2] = (unsigned char)(number >> 16);
  p[3] = (unsigned char)(number >> 24);
}

static inline void ucdb_put64(unsigned char *p, uint64_t number)
{
  ucdb_put32(p, (uint32_t)number);
  ucdb_put32(p + 4, (uint32_t)(number >> 32));
}

/* Pointer, slot and record head alike are a pair of numbers.  Where speed
 * counts the format is a constant, and only one side of each question is left. */
static inline uint64_t ucdb_pair_size(int format)
{
  return format == UCDB_CDB ? 8 : 16;
}

static inline uint64_t ucdb_first(const unsigned char *pair, int format)
{
  return format == UCDB_CDB ? ucdb_u32(pair) : ucdb_u64(pair);
}

static inline uint64_t ucdb_second(const unsigned char *pair, int format)
{
  return format == UCDB_CDB ? ucdb_u32(pair + 4) : ucdb_u64(pair + 8);
}

/* The numbers must fit the format. */
static inline void ucdb_put_pair(unsigned char *pair, uint64_t first, uint64_t second, int format)
{
  if (format == UCDB_CDB) {
    ucdb_put32(pair, (uint32_t)first);
    ucdb_put32(pair + 4, (uint32_t)second);
    return;
  }
  ucdb_put64(pair, first);
  ucdb_put64(pair + 8, second);
}

/* 256 pointers: 2048 or 4096 bytes. */
static inline uint64_t ucdb_header_size(int format)
{
  return UCDB_TABLES * ucdb_pair_size(format);
}

/* The number of the table in which a hash is filed. */
static inline uint64_t ucdb_table_number(uint64_t hash)
{
  return hash % UCDB_TABLES;
}

/* The first slot to look at for a hash, as the format stores it, of so many. */
static inline uint64_t ucdb_first_slot(uint64_t hash, uint64_t slots, int format)
{
  if (format == UCDB_CDB) /* a shorter division */
    return (uint32_t)hash / UCDB_TABLES % (uint32_t)slots;
  return hash / UCDB_TABLES % slots;
}

#endif
