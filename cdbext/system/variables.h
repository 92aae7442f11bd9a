/* The environment of a child, as its steps have made it. */
#ifndef USYS_VARIABLES_H
#define USYS_VARIABLES_H

#include <stddef.h>
#include <string.h>
#include <sys/types.h>

/* What the child of a slot has for the steps. */
struct usys_room {
  char **environ; /* has room for what the steps give, and one more */
  char *spare;
  size_t spare_length;
  pid_t
      copier_busy; /* not 0 while a copier that the child has started uses our memory; the kernel clears it */
};

/* The value of the first variable of a name; NULL where there is none. */
static inline const char *usys_value_of(char *const *environ, const char *name)
{
  size_t length = strlen(name);

  for (; *environ; ++environ)
    if (!strncmp(*environ, name, length) && (*environ)[length] == '=')
      return *environ + length + 1;
  return NULL;
}

/* Make a change NAME=VALUE, or NAME alone, as daemontools does: the first variable of that name goes, the
 * last one gets its place, and the new one is the last. */
void usys_change_variable(char **environ, const char *change);

#endif
