#include "spawn.h"

int usys_version(void)
{
  return 1;
}
