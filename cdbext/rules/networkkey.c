#define _POSIX_C_SOURCE 200809L
#include "rules/networkkey.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "cdb/layout.h"

/* What stands for a one at bit i of an IPv4 address. */
static const unsigned char places[] = "abcdefghijklmnopqrstuvwxyz123456";

/* A word holds the eight key bytes of an octet, the first one lowest. */
static const uint64_t EACH = 0x0101010101010101;

/* The bits of an octet, the highest first, as bytes of 0 and 1. */
static uint64_t bits_of(unsigned char octet)
{
  return ((octet * EACH & 0x0102040810204080) + 0x7f * EACH) >> 7 & EACH;
}

/* The bytes of `ones` where the bits are 1, and the digit 0 elsewhere. */
static void put_octet(unsigned char *key, uint64_t bits, uint64_t ones)
{
  uint64_t mask = bits * 255;

  ucdb_put64(key, (ones & mask) | ('0' * EACH & ~mask));
}

size_t ucdb_key4(const unsigned char packed[4], int bits, unsigned char *key)
{
  int at;

  *key = '_';
  for (at = 0; at < 4; ++at)
    put_octet(key + 1 + 8 * at, bits_of(packed[at]), ucdb_u64(places + 8 * at));
  return 1 + (size_t)bits;
}

size_t ucdb_key6(const unsigned char packed[16], int bits, unsigned char *key)
{
  uint64_t first = 0x60; /* the byte of the next one; each further one is one more */
  int at;

  *key = '^';
  for (at = 0; at < 16; ++at) {
    uint64_t here = bits_of(packed[at]);
    uint64_t upto = here * EACH; /* ones up to and with each bit */

    put_octet(key + 1 + 8 * at, here, first * EACH + upto - here);
    first += upto >> 56;
  }
  return 1 + (size_t)bits;
}

int ucdb_read_bits(const unsigned char *key, int bits, unsigned char packed[16])
{
  unsigned char again[UCDB_KEY6_MAX];
  size_t size;
  int at;

  memset(packed, 0, 16);
  for (at = 0; at < bits; ++at)
    if (key[1 + at] != '0')
      packed[at / 8] |= (unsigned char)(128 >> at % 8);
  size = *key == '^' ? ucdb_key6(packed, bits, again) : ucdb_key4(packed, bits, again);
  return !memcmp(key, again, size);
}

size_t ucdb_full6(const unsigned char packed[16], unsigned char *key)
{
  static const unsigned char digits[] = "0123456789ABCDEF";
  int at;

  for (at = 0; at < 16; ++at) {
    if (at && at % 2 == 0)
      *key++ = ':';
    *key++ = digits[packed[at] >> 4];
    *key++ = digits[packed[at] & 15];
  }
  return UCDB_FULL6_SIZE;
}

int ucdb_read6(const unsigned char *text, size_t len, unsigned char packed[16])
{
  char spelled[INET6_ADDRSTRLEN];

  if (len >= sizeof spelled || memchr(text, 0, len))
    return 0;
  memcpy(spelled, text, len);
  spelled[len] = 0;
  return inet_pton(AF_INET6, spelled, packed) == 1;
}

int ucdb_is_mapped(const unsigned char packed[16])
{
  static const unsigned char clothes[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255 };

  return !memcmp(packed, clothes, sizeof clothes);
}

int ucdb_has_more(const unsigned char *packed, int size, int bits)
{
  int at = bits / 8;

  if (at < size && packed[at] & 255 >> bits % 8)
    return 1;
  while (++at < size)
    if (packed[at])
      return 1;
  return 0;
}
