#include "system/variables.h"

#include <stdint.h>

void usys_change_variable(char **environ, const char *change)
{
  size_t name = strcspn(change, "="), count = 0, at = SIZE_MAX;

  for (; environ[count]; ++count)
    if (at == SIZE_MAX && !strncmp(environ[count], change, name) && environ[count][name] == '=')
      at = count;
  if (at != SIZE_MAX)
    environ[at] = environ[--count];
  if (change[name])
    environ[count++] = (char *)(uintptr_t)change;
  environ[count] = NULL;
}
