#include "system/fileglance.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* From linux/openat2.h, which systems older than the call do not have. */
enum { RESOLVE_CACHED_BIT = 0x20 };

struct how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

#if defined SYS_openat2 && defined STATX_MNT_ID && defined STATX_ATTR_MOUNT_ROOT

static int64_t nanoseconds(const struct statx_timestamp *time)
{
  return time->tv_sec * 1000000000 + (int64_t)time->tv_nsec;
}

int usys_glance(const char *path, int follow, struct usys_glimpse *glimpse)
{
  const struct how how = { O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), 0, RESOLVE_CACHED_BIT };
  struct usys_glimpse now;
  struct statx status;
  int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  int failure = 0;

  if (fd < 0)
    return -errno;
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID, &status))
    failure = -errno;
  close(fd);
  if (failure)
    return failure;
  if (!(status.stx_mask & STATX_MNT_ID))
    return -ENOSYS;
  now.inode = status.stx_ino;
  now.size = status.stx_size;
  now.modified = nanoseconds(&status.stx_mtime);
  now.changed = nanoseconds(&status.stx_ctime);
  now.mode = status.stx_mode;
  now.device = makedev(status.stx_dev_major, status.stx_dev_minor);
  now.mount = status.stx_mnt_id;
  now.is_root = !!(status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
  if (!memcmp(&now, glimpse, sizeof now))
    return 1;
  *glimpse = now;
  return 0;
}

#else

int usys_glance(const char *path, int follow, struct usys_glimpse *glimpse)
{
  (void)path;
  (void)follow;
  (void)glimpse;
  return -ENOSYS;
}

#endif
