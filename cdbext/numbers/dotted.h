/* An IPv4 address as text. */
#ifndef NUMBERS_DOTTED_H
#define NUMBERS_DOTTED_H

#include "numbers/decimal.h"

/* Write four bytes as dotted decimals, and a NUL: 16 bytes at most.  libc's way takes as long as the rest of a header. */
static inline void put_dotted(const unsigned char *bytes, char *text)
{
  int i;

  for (i = 0; i < 4; ++i) {
    if (i)
      *text++ = '.';
    text += put_decimal(text, bytes[i]);
  }
  *text = 0;
}

#endif
