#include "lines/pattern.h"

#include <string.h>

int usys_matches(const char *pattern, size_t pattern_length, const char *line, size_t length)
{
  const char *end = line + length, *pattern_end = pattern + pattern_length;

  while (pattern < pattern_end) {
    if (*pattern == '*') {
      if (++pattern == pattern_end)
        return 1;
      line = line < end ? memchr(line, *pattern, (size_t)(end - line)) : NULL;
      if (line == NULL)
        return 0;
      continue; /* what was found is matched next; a second star is a star again */
    }
    if (line == end || *line != *pattern)
      return 0;
    line++;
    pattern++;
  }
  return line == end;
}
