/* What the compiler calls by itself, also in a program without libc.
 *
 * The barrier keeps it from seeing in these loops what they are: it would call
 * them from inside themselves. */
#include <stddef.h>

#include "system/baresyscall.h"

#if USYS_BARE
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int byte, size_t size);

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
  size_t i;

  for (i = 0; i < size; ++i) {
    ((char *)to)[i] = ((const char *)from)[i];
    __asm__ volatile("" ::: "memory");
  }
  return to;
}

void *memset(void *to, int byte, size_t size)
{
  size_t i;

  for (i = 0; i < size; ++i) {
    ((char *)to)[i] = (char)byte;
    __asm__ volatile("" ::: "memory");
  }
  return to;
}
#endif
