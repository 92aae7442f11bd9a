#include "launcher/text.h"

#include "numbers/decimal.h"
#include "system/baresyscall.h"

/* The compiler may call these by itself, also where there is no libc.  The
 * barrier keeps it from seeing in them what they are. */
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

void put_character(struct text *text, char character)
{
  if (text->length + 1 < sizeof text->at)
    text->at[text->length++] = character;
  else
    text->is_cut = 1;
}

void put(struct text *text, const char *more)
{
  while (*more)
    put_character(text, *more++);
}

void put_number(struct text *text, uint64_t number)
{
  char digits[DECIMAL_MAX + 1];

  digits[put_decimal(digits, number)] = 0;
  put(text, digits);
}

void cut(struct text *text, size_t length)
{
  while (text->length > length)
    text->at[--text->length] = 0;
  text->is_cut = 0;
}

size_t directory_length(const struct text *text)
{
  size_t length = text->length;

  while (length && text->at[length - 1] != '/')
    --length;
  return length ? length - 1 : 0;
}
