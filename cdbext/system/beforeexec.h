/* What a started process does before it executes: bare system calls only, and
 * no memory but what it was given, for it shares its parent's (see system/baresyscall.h). */
#ifndef USYS_BEFOREEXEC_H
#define USYS_BEFOREEXEC_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "numbers/decimal.h"
#include "system/baresyscall.h"
#include "system/softlimit.h"

enum {
  EXIT_TEMPORARY = 111,
  GAP_MAX = 256,      /* closed descriptors in a row behind which we look for none */
  SIGNAL_SET_SIZE = 8 /* bytes, as the kernel counts them */
};

/* Whether a write to descriptor 2 would not wait; a pipe with room takes a whole
 * line.  Waits for that itself, if told so. */
static inline int has_room(int patience)
{
#ifdef SYS_ppoll
  struct pollfd polled = { .fd = 2, .events = POLLOUT };
  struct timespec at_once = { 0 };
  long ready;

  do
    ready = usys_bare(SYS_ppoll, (long)(intptr_t)&polled, 1, patience ? 0 : (long)(intptr_t)&at_once, 0);
  while (ready == -EINTR);
  return ready != 0;
#else
  (void)patience;
  return 1;
#endif
}

/* Write to descriptor 2.  A full pipe blocks, as it does for the originals; who
 * shares it may have made it non-blocking, then we wait for room.  Without
 * patience we do not, and may lose something.  A dead one is ignored. */
static inline void write_pieces(struct iovec *piece, int count, int patience)
{
  if (!patience && !has_room(0))
    return;
  while (count) {
    long written = usys_bare(SYS_writev, 2, (long)(intptr_t)piece, count, 0);

    if (written == -EINTR)
      continue;
    if (written == -EAGAIN && patience && has_room(1))
      continue;
    if (written < 0)
      return;
    while (count && (size_t)written >= piece->iov_len) {
      written -= (long)piece->iov_len;
      ++piece;
      --count;
    }
    if (count) {
      piece->iov_base = (char *)piece->iov_base + written;
      piece->iov_len -= (size_t)written;
    }
  }
}

/* Close what the exec would close, but for one: while we wait for somebody else
 * nothing of our parent's shall be kept open.  There may be gaps between the
 * numbers, but not such a large one. */
static inline void close_private(int kept)
{
  int fd, missed = 0;

  for (fd = 3; missed < GAP_MAX; ++fd) {
    long flags = usys_bare(SYS_fcntl, fd, F_GETFD, 0, 0);

    missed = flags < 0 ? missed + 1 : 0;
    if (flags > 0 && flags & FD_CLOEXEC && fd != kept)
      usys_bare(SYS_close, fd, 0, 0, 0);
  }
}

static inline void set_piece(struct iovec *piece, const char *text, size_t length)
{
  piece->iov_base = (void *)(uintptr_t)text;
  piece->iov_len = length;
}

/* The kernel's own structure begins with the handler; the rest may be zero. */
static inline void set_action(int number, void (*handler)(int))
{
  uintptr_t action[8] = { 0 };

  action[0] = (uintptr_t)handler;
  usys_bare(SYS_rt_sigaction, number, (long)(intptr_t)action, 0, SIGNAL_SET_SIZE);
}

/* What the parent catches would run the parent's handler here, in memory that
 * is shared; what it ignores stays ignored. */
static inline void forget_caught(int number)
{
  uintptr_t action[8] = { 0 };

  usys_bare(SYS_rt_sigaction, number, 0, (long)(intptr_t)action, SIGNAL_SET_SIZE);
  if (action[0] != (uintptr_t)SIG_DFL && action[0] != (uintptr_t)SIG_IGN)
    set_action(number, SIG_DFL);
}

/* What the interpreter ignores from its start gets the action that it had before.
 * Ignoring it first drops one that is pending, of what we could not write. */
static inline void restore_ignored(int number, unsigned long ignored)
{
  set_action(number, SIG_IGN);
  if (!(ignored >> (number - 1) & 1))
    set_action(number, SIG_DFL);
}

static inline void set_soft_limit(int resource, uint64_t soft)
{
  struct {
    uint64_t soft, hard;
  } limit; /* the kernel's; not every libc shows it */

  if (!usys_bare(SYS_prlimit64, 0, resource, 0, (long)(intptr_t)&limit)) {
    limit.soft = soft < limit.hard ? soft : limit.hard;
    usys_bare(SYS_prlimit64, 0, resource, (long)(intptr_t)&limit, 0);
  }
}

static inline void set_soft_limits(const struct usys_limit *limits, size_t count)
{
  for (; count; --count, ++limits)
    set_soft_limit(limits->resource, limits->soft);
}

/* dup3 refuses to put a descriptor onto itself, and it would stay close-on-exec. */
static inline void put_on(int connection, int target)
{
  if (connection == target)
    usys_bare(SYS_fcntl, target, F_SETFD, 0, 0);
  else
    usys_bare(SYS_dup3, connection, target, 0, 0);
}

static inline void put_score(int file, const char *score)
{
  usys_bare(SYS_write, file, (long)(intptr_t)score, (long)strlen(score), 0);
}

/* A child of CLONE_VFORK has a score of its own; for others it belongs to all who share memory. */
static inline void take_score(const char *score)
{
  long file = usys_bare(SYS_openat, AT_FDCWD, (long)(intptr_t)"/proc/self/oom_score_adj",
                        O_WRONLY | O_CLOEXEC, 0);

  if (file >= 0) {
    put_score((int)file, score);
    usys_bare(SYS_close, file, 0, 0, 0);
  }
}

static inline int may_try_next(long error)
{
  return error == -ENOENT || error == -EACCES || error == -EPERM || error == -EISDIR;
}

/* Returns only when nothing could be executed: the errno to report.  One that
 * is not ENOENT is worth more to the administrator. */
static inline int execute(char *const *paths, char *const *argv, char *const *environ)
{
  char *const *path;
  int worst = ENOENT;

  for (path = paths; *path; ++path) {
    long error = usys_bare(SYS_execve, (long)(intptr_t)*path, (long)(intptr_t)argv, (long)(intptr_t)environ,
                           0);

    if (!may_try_next(error))
      return (int)-error;
    if (error != -ENOENT)
      worst = (int)-error;
  }
  return worst;
}

static inline void complain(const char *complaint, const char *const *errors, int error_count, int error,
                            int patience)
{
  struct iovec pieces[3];
  const char *text = "unknown error";

  if (!complaint)
    return;
  if (error < error_count)
    text = errors[error];
  set_piece(&pieces[0], complaint, strlen(complaint));
  set_piece(&pieces[1], text, strlen(text));
  set_piece(&pieces[2], "\n", 1);
  write_pieces(pieces, 3, patience);
}

#endif
