/* The environment of a child, as its steps have made it. */
#ifndef USYS_VARIABLES_H
#define USYS_VARIABLES_H

#include <stddef.h>
#include <string.h>

/* The value of the first variable of a name; NULL where there is none. */
static inline const char *usys_value_of(char *const *environ, const char *name)
{
  size_t length = strlen(name);

  for (; *environ; ++environ)
    if (!strncmp(*environ, name, length) && (*environ)[length] == '=')
      return *environ + length + 1;
  return NULL;
}

#endif
