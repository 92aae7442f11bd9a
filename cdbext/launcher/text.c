#include "launcher/text.h"

#include "numbers/decimal.h"

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
