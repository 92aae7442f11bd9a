/* Numbers as decimal text.  Nothing of libc is called, and nothing else is written. */
#ifndef NUMBERS_DECIMAL_H
#define NUMBERS_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_MAX = 20 }; /* digits of the largest number */

/* Write a number in that many digits, zeros in front, or its last digits where
 * there are more.  Returns how many bytes that is. */
static inline size_t put_decimal_padded(void *to, uint64_t number, size_t width)
{
  unsigned char *end = (unsigned char *)to + width;
  size_t left;

  for (left = width; left; --left, number /= 10)
    *--end = (unsigned char)('0' + number % 10);
  return width;
}

/* Write a number without zeros in front.  Returns how many bytes that is. */
static inline size_t put_decimal(void *to, uint64_t number)
{
  unsigned char *start = to, *end = start;
  size_t width = 3;
  uint64_t rest;

  if (number < 1000) { /* as octets and most lengths are: no loop */
    unsigned small = (unsigned)number;

    if (small >= 100)
      *end++ = (unsigned char)('0' + small / 100);
    if (small >= 10)
      *end++ = (unsigned char)('0' + small / 10 % 10);
    *end++ = (unsigned char)('0' + small % 10);
    return (size_t)(end - start);
  }
  for (rest = number / 1000; rest; rest /= 10)
    ++width;
  return put_decimal_padded(to, number, width);
}

#endif
