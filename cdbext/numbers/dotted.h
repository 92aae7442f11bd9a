/* An IPv4 address as text. */
#ifndef NUMBERS_DOTTED_H
#define NUMBERS_DOTTED_H

#include "numbers/decimal.h"

/* Write four bytes as dotted decimals, and a NUL: 16 bytes at most.  libc's way takes as long as the rest of a header.
 * Returns the length. */
static inline size_t put_dotted(const unsigned char *bytes, char *text)
{
  char *at = text;
  int i;

  for (i = 0; i < 4; ++i) {
    if (i)
      *at++ = '.';
    at += put_decimal(at, bytes[i]);
  }
  *at = 0;
  return (size_t)(at - text);
}

#endif
