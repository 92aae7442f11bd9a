/* Looking at a file without waiting for a disk or a server. */
#ifndef USYS_FILEGLANCE_H
#define USYS_FILEGLANCE_H

#include <stdint.h>

/* Two glimpses with the same bytes are of the same file in the same state.
 * Times are nanoseconds. */
struct usys_glimpse {
  uint64_t inode;
  uint64_t size;
  int64_t modified;
  int64_t changed;
  uint64_t mode;
  uint64_t device;  /* as st_dev */
  uint64_t mount;   /* as in /proc/self/mountinfo */
  uint64_t is_root; /* of that mount */
};

/* Fill *glimpse from what the kernel holds in memory.  Returns 1 when it was the
 * same before (all zeros is none), 0 when it is another, or -errno:
 * -EAGAIN when it would have to ask a disk or a server for a name on the way,
 * -ENOSYS where it cannot look so (before Linux 5.12, or a sandbox).  Of a
 * file on a server the rest may be old.  A link is followed, or looked at. */
int usys_glance(const char *path, int follow, struct usys_glimpse *glimpse);

#endif
