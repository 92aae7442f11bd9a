/* Lines, for the filters that do something where one begins. */
#ifndef USYS_COPYLINE_H
#define USYS_COPYLINE_H

#include <stddef.h>
#include <string.h>

/* Copy a line's rest with its newline, or as much of it as is there and has
 * room, perhaps none.  *INSIDE becomes whether a newline is still
 * to come.  Returns how many bytes were copied. */
static inline size_t usys_copy_line(const char *from, size_t length, char *to, size_t room, int *inside)
{
  const char *newline;

  if (length > room)
    length = room;
  newline = memchr(from, '\n', length);
  if (newline != NULL)
    length = (size_t)(newline - from) + 1;
  memcpy(to, from, length);
  *inside = newline == NULL;
  return length;
}

#endif
