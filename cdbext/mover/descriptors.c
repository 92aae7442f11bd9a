#include "mover/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "system/baresyscall.h"

static long wait_at_most(struct pollfd *polled, size_t count, const struct timespec *most)
{
  long ready;

  do
    ready = usys_bare(SYS_ppoll, (long)(intptr_t)polled, (long)count, (long)(intptr_t)most, 0);
  while (ready == -EINTR);
  return ready;
}

long wait_for_any(struct pollfd *polled, size_t count)
{
  long ready = wait_at_most(polled, count, NULL);

  return ready < 0 ? ready : 0;
}

static void wait_for(int fd, short events)
{
  struct pollfd polled = { .fd = fd, .events = events };

  wait_at_most(&polled, 1, NULL);
}

int is_readable(int fd)
{
  static const struct timespec at_once;
  struct pollfd polled = { .fd = fd, .events = POLLIN };

  return wait_at_most(&polled, 1, &at_once) > 0;
}

long read_now(int fd, char *to, size_t room)
{
  long length;

  do
    length = usys_bare(SYS_read, fd, (long)(intptr_t)to, (long)room, 0);
  while (length == -EINTR);
  return length;
}

long read_some(int fd, char *to, size_t room)
{
  long length;

  while ((length = read_now(fd, to, room)) == -EAGAIN)
    wait_for(fd, POLLIN);
  return length;
}

long write_now(int fd, const char *from, size_t length)
{
  long written;

  do
    written = usys_bare(SYS_write, fd, (long)(intptr_t)from, (long)length, 0);
  while (written == -EINTR);
  return written;
}

long send_now(int fd, const char *from, size_t length)
{
  struct iovec piece = { .iov_base = (void *)(uintptr_t)from, .iov_len = length };
  struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
  long sent;

  do
    sent = usys_bare(SYS_sendmsg, fd, (long)(intptr_t)&message, MSG_DONTWAIT | MSG_NOSIGNAL, 0);
  while (sent == -EINTR);
  return sent;
}

long write_all(int fd, const char *from, size_t length)
{
  while (length) {
    long written = write_now(fd, from, length);

    if (written == -EAGAIN) {
      wait_for(fd, POLLOUT);
      continue;
    }
    if (written < 0)
      return written;
    from += written;
    length -= (size_t)written;
  }
  return 0;
}

void close_one(int fd)
{
  usys_bare(SYS_close, fd, 0, 0, 0);
}

void end_output(int fd, enum kind kind)
{
  if (kind == KIND_SOCKET)
    usys_bare(SYS_shutdown, fd, SHUT_WR, 0, 0);
  else
    close_one(fd);
}

static void set_nonblocking(int fd, int is_so)
{
  usys_bare(SYS_ioctl, fd, FIONBIO, (long)(intptr_t)&is_so, 0);
}

void stop_blocking(int fd)
{
  set_nonblocking(fd, 1);
}

void block_again(int fd)
{
  set_nonblocking(fd, 0);
}

int is_blocking(int fd)
{
  long flags = usys_bare(SYS_fcntl, fd, F_GETFL, 0, 0);

  return flags >= 0 && !(flags & O_NONBLOCK);
}

enum kind kind_of(int fd)
{
  struct stat status;
#if USYS_BARE /* then the kernel's structure is libc's */
  long error = usys_bare(SYS_fstat, fd, (long)(intptr_t)&status, 0, 0);
#else
  long error = fstat(fd, &status);
#endif

  if (error)
    return KIND_OTHER;
  return S_ISSOCK(status.st_mode) ? KIND_SOCKET : S_ISREG(status.st_mode) ? KIND_REGULAR : KIND_OTHER;
}
