/* A service that tells when it runs, by a byte into a fifo, and costs next to
 * nothing from then on. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

void _start(void);

void _start(void)
{
  long fd = syscall(SYS_openat, AT_FDCWD, "../../ready", O_WRONLY);

  syscall(SYS_write, fd, "x", 1);
  syscall(SYS_close, fd);
  for (;;)
    syscall(SYS_ppoll, 0, 0, 0, 0, 8);
}
