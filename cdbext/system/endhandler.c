#include "system/endhandler.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__linux__) && defined(SYS_pidfd_send_signal)

/* Every architecture has the same number; headers before Linux 5.6 have none. */
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Close a copy without waiting for what was not sent yet, whatever SO_LINGER the handler has set. */
static void close_copy(int copy)
{
  struct linger none = { .l_onoff = 0 };

  setsockopt(copy, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(copy);
}

static int shut(int copy, const unsigned char *cookie)
{
  unsigned char found[USYS_COOKIE_SIZE];
  socklen_t size = sizeof found;

  if (getsockopt(copy, SOL_SOCKET, SO_COOKIE, found, &size))
    return errno;
  if (memcmp(found, cookie, sizeof found))
    return ENOENT;
  return shutdown(copy, SHUT_RDWR) ? errno : 0;
}

int usys_end_handler(int process, const unsigned char *cookie)
{
  int number, copy, error = ENOENT;

  for (number = 0; number < 2 && error; ++number) {
    copy = (int)syscall(SYS_pidfd_getfd, process, number, 0u);
    if (copy < 0) {
      error = errno;
      continue;
    }
    error = shut(copy, cookie);
    if (error)
      close(copy); /* it may be anything, and is as the handler has it */
    else
      close_copy(copy);
  }
  if (syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0u))
    return errno;
  return error;
}

#else

int usys_end_handler(int process, const unsigned char *cookie)
{
  (void)process;
  (void)cookie;
  return ENOSYS;
}

#endif
