#include "system/owndescriptors.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif

int usys_own_descriptors(int kept)
{
#ifdef SYS_close_range
  /* The first call copies the table even if no descriptor is above `kept`. */
  if (syscall(SYS_close_range, (unsigned)kept + 1, UINT_MAX, CLOSE_RANGE_UNSHARE))
    return -errno;
  if (kept > 3)
    syscall(SYS_close_range, 3u, (unsigned)kept - 1, 0u);
  return 0;
#else
  (void)kept;
  return -ENOSYS;
#endif
}
