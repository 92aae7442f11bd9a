#include "system/helperprocess.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <sys/prctl.h>
#endif

void usys_help(const char *name, int parent)
{
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 1);
#endif
#ifdef __linux__
  prctl(PR_SET_NAME, name);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent)
    _exit(0);
}
