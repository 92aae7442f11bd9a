/* Eight bytes are copied at once where none of them is the one looked for.
 * Where one is, each of the eight is copied without a branch: lines may be
 * of any length, and a branch that depends on them is mispredicted. */
#include "lines/crlf.h"

#include <stdint.h>
#include <string.h>

#include "lines/eightbytes.h"

static char *add(char *to, const char *from, size_t length)
{
  for (size_t i = 0; i < length; i++) {
    *to = '\r';
    to += from[i] == '\n';
    *to++ = from[i];
  }
  return to;
}

/* The byte behind the LENGTH can be read. */
static char *drop(char *to, const char *from, size_t length)
{
  for (size_t i = 0; i < length; i++) {
    *to = from[i];
    to += !((from[i] == '\r') & (from[i + 1] == '\n'));
  }
  return to;
}

static char *fix(char *to, const char *from, size_t length, char *before)
{
  char last = *before;

  for (size_t i = 0; i < length; i++) {
    *to = '\r';
    to += (from[i] == '\n') & (last != '\r');
    *to++ = last = from[i];
  }
  *before = last;
  return to;
}

size_t usys_add_cr(const char *from, size_t length, char *to)
{
  char *start = to;
  uint64_t word;

  for (; length >= WORD; from += WORD, length -= WORD) {
    memcpy(&word, from, WORD);
    if (may_have(word, '\n')) {
      to = add(to, from, WORD);
      continue;
    }
    memcpy(to, &word, WORD);
    to += WORD;
  }
  return (size_t)(add(to, from, length) - start);
}

size_t usys_remove_cr(const char *from, size_t length, char *to)
{
  char *start = to;
  uint64_t word;

  for (; length > WORD; from += WORD, length -= WORD) {
    memcpy(&word, from, WORD);
    if (may_have(word, '\r')) {
      to = drop(to, from, WORD);
      continue;
    }
    memcpy(to, &word, WORD);
    to += WORD;
  }
  if (length == 0)
    return 0;
  to = drop(to, from, length - 1);
  *to++ = from[length - 1];
  return (size_t)(to - start);
}

size_t usys_fix_cr(const char *from, size_t length, char *to, int *behind_cr)
{
  char *start = to, before = *behind_cr ? '\r' : '\0';
  uint64_t word;

  for (; length >= WORD; from += WORD, length -= WORD) {
    memcpy(&word, from, WORD);
    if (may_have(word, '\n')) {
      to = fix(to, from, WORD, &before);
      continue;
    }
    memcpy(to, &word, WORD);
    to += WORD;
    before = from[WORD - 1];
  }
  to = fix(to, from, length, &before);
  *behind_cr = before == '\r';
  return (size_t)(to - start);
}
