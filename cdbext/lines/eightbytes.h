/* Eight bytes at once: is one of them the one looked for? */
#ifndef USYS_EIGHTBYTES_H
#define USYS_EIGHTBYTES_H

#include <stdint.h>

enum { WORD = 8 };

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* True when one of the eight bytes is C, sometimes also when one is C ^ 1. */
static inline int may_have(uint64_t word, char c)
{
  uint64_t zero = word ^ EACH_BYTE * (unsigned char)c;

  return ((zero - EACH_BYTE) & ~zero & EACH_BYTE << 7) != 0;
}

#endif
