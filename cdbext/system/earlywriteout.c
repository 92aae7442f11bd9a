#include "system/earlywriteout.h"

#include <errno.h>
#include <fcntl.h>

void usys_flush(int fd, uint64_t offset, uint64_t length)
{
#ifdef SYNC_FILE_RANGE_WRITE
  int before = errno;

  sync_file_range(fd, (off_t)offset, (off_t)length, SYNC_FILE_RANGE_WRITE);
  errno = before;
#else
  (void)fd;
  (void)offset;
  (void)length;
#endif
}
