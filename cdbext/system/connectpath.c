#include "system/connectpath.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/baresyscall.h"
#include "system/beforeexec.h"

#if USYS_BARE

/* Let a connect wait for so many milliseconds; 0: for ever. */
static void set_patience(long fd, int patience)
{
  struct timeval time = { .tv_sec = patience / 1000, .tv_usec = patience % 1000 * 1000 };

  usys_bare6(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, (long)(intptr_t)&time, sizeof time, 0);
}

/* While the backlog is full a connect that does not wait fails, and poll does not tell when there is
 * room.  So this one waits, for a time that the kernel keeps. */
static long connect_within(long fd, const char *path, int patience)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  size_t length = strlen(path);
  long error;

  memcpy(address.sun_path, path, length);
  set_patience(fd, patience);
  do
    error = usys_bare(SYS_connect, fd, (long)(intptr_t)&address,
                      (long)(offsetof(struct sockaddr_un, sun_path) + length), 0);
  while (error == -EINTR);
  set_patience(fd, 0);
  return error == -EAGAIN ? -ETIMEDOUT : error;
}

long usys_connect_path(const char *path, const struct usys_target *target, const struct usys_command *texts,
                       const char **complaint)
{
  struct usys_command told = *texts;
  long fd = usys_bare(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0), error;

  if (fd < 0) {
    *complaint = target->is_silent ? NULL : "tcpclient: fatal: unable to create socket: ";
    return fd;
  }
  error = connect_within(fd, path, target->patience[0]);
  if (!error)
    return fd;
  usys_bare(SYS_close, fd, 0, 0, 0);
  told.complaint = target->is_silent ? NULL : target->places->failed;
  usys_complain(&told, (int)-error, 1);
  *complaint = NULL;
  return error;
}

#else

/* The server stands still until the exec, so nobody may wait. */
long usys_connect_path(const char *path, const struct usys_target *target, const struct usys_command *texts,
                       const char **complaint)
{
  (void)path;
  (void)target;
  (void)texts;
  (void)complaint;
  return -ENOSYS;
}

#endif
