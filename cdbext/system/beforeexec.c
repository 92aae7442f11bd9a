#include "system/beforeexec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "numbers/decimal.h"
#include "system/baresyscall.h"

enum {
  EXIT_TEMPORARY = 111,
  GAP_MAX = 256,  /* closed descriptors in a row behind which we look for none */
  LOG_PIECES = 16 /* two per pid in the text of the log, and it has two */
};

int usys_has_room(int patience)
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

void usys_set_piece(struct iovec *piece, const char *text, size_t length)
{
  piece->iov_base = (void *)(uintptr_t)text;
  piece->iov_len = length;
}

void usys_write_pieces(struct iovec *piece, int count, int patience)
{
  if (!patience && !usys_has_room(0))
    return;
  while (count) {
    long written = usys_bare(SYS_writev, 2, (long)(intptr_t)piece, count, 0);

    if (written == -EINTR)
      continue;
    if (written == -EAGAIN && patience && usys_has_room(1))
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

void usys_write_log(const char *text, size_t length)
{
  char pid[DECIMAL_MAX];
  struct iovec pieces[LOG_PIECES];
  const char *end = text + length, *nul;
  size_t digits = put_decimal(pid, (uint64_t)usys_bare(SYS_getpid, 0, 0, 0, 0));
  int count = 0;

  while (text < end && count <= LOG_PIECES - 2) {
    nul = memchr(text, 0, (size_t)(end - text));
    usys_set_piece(&pieces[count++], text, (size_t)((nul ? nul : end) - text));
    if (!nul)
      break;
    usys_set_piece(&pieces[count++], pid, digits);
    text = nul + 1;
  }
  usys_write_pieces(pieces, count, 1);
}

void usys_close_private(int kept, int also_kept)
{
  int fd, missed = 0;

  for (fd = 3; missed < GAP_MAX; ++fd) {
    long flags = usys_bare(SYS_fcntl, fd, F_GETFD, 0, 0);

    missed = flags < 0 ? missed + 1 : 0;
    if (flags > 0 && flags & FD_CLOEXEC && fd != kept && fd != also_kept)
      usys_bare(SYS_close, fd, 0, 0, 0);
  }
}

void usys_close_others(const int *kept)
{
#ifdef SYS_close_range
  unsigned from = 3;

  for (; *kept >= 0; ++kept) {
    if ((unsigned)*kept > from)
      usys_bare(SYS_close_range, from, *kept - 1, 0, 0);
    if ((unsigned)*kept >= from)
      from = (unsigned)*kept + 1;
  }
  usys_bare(SYS_close_range, from, UINT32_MAX, 0, 0);
#else
  (void)kept;
#endif
}

/* dup3 refuses to put a descriptor onto itself, and it would stay close-on-exec. */
void usys_put_on(int descriptor, int target)
{
  if (descriptor == target)
    usys_bare(SYS_fcntl, target, F_SETFD, 0, 0);
  else
    usys_bare(SYS_dup3, descriptor, target, 0, 0);
}

void usys_put_score(int file, const char *score)
{
  usys_bare(SYS_write, file, (long)(intptr_t)score, (long)strlen(score), 0);
}

void usys_take_score(const char *score)
{
  long file = usys_bare(SYS_openat, AT_FDCWD, (long)(intptr_t)"/proc/self/oom_score_adj",
                        O_WRONLY | O_CLOEXEC, 0);

  if (file >= 0) {
    usys_put_score((int)file, score);
    usys_bare(SYS_close, file, 0, 0, 0);
  }
}

int usys_set_soft_limit(int resource, uint64_t soft)
{
  struct {
    uint64_t soft, hard;
  } limit; /* the kernel's; not every libc shows it */
  long error = usys_bare(SYS_prlimit64, 0, resource, 0, (long)(intptr_t)&limit);

  if (!error) {
    limit.soft = soft < limit.hard ? soft : limit.hard;
    error = usys_bare(SYS_prlimit64, 0, resource, (long)(intptr_t)&limit, 0);
  }
  return (int)-error;
}

void usys_set_limits(const struct usys_command *command)
{
  size_t i;

  for (i = 0; i < command->limit_count; ++i)
    usys_set_soft_limit(command->limits[i].resource, command->limits[i].soft);
}

/* The kernel's own structure begins with the handler; the rest may be zero. */
static void set_action(int number, void (*handler)(int))
{
  uintptr_t action[8] = { 0 };

  action[0] = (uintptr_t)handler;
  usys_bare(SYS_rt_sigaction, number, (long)(intptr_t)action, 0, SIGNAL_SET_SIZE);
}

void usys_set_default_action(int number)
{
  set_action(number, SIG_DFL);
}

/* What the parent catches would run the parent's handler here, in memory that
 * is shared; what it ignores stays ignored. */
static void forget_caught(int number)
{
  uintptr_t handler = usys_handler_of(number);

  if (handler != (uintptr_t)SIG_DFL && handler != (uintptr_t)SIG_IGN)
    set_action(number, SIG_DFL);
}

/* What the interpreter ignores from its start gets the action that it had before.
 * Ignoring it first drops one that is pending, of what we could not write. */
static void restore_ignored(int number, unsigned long ignored)
{
  set_action(number, SIG_IGN);
  if (!(ignored >> (number - 1) & 1))
    set_action(number, SIG_DFL);
}

void usys_restore_signals(unsigned long ignored, uint64_t asked, const sigset_t *mask)
{
  int number;

  restore_ignored(SIGPIPE, ignored);
  restore_ignored(SIGXFSZ, ignored);
  set_action(SIGCHLD, SIG_DFL);
  for (number = 1; asked; asked >>= 1, ++number)
    if (asked & 1)
      forget_caught(number);
  usys_bare(SYS_rt_sigprocmask, SIG_SETMASK, (long)(intptr_t)mask, 0, SIGNAL_SET_SIZE);
}

static int may_try_next(long error)
{
  return error == -ENOENT || error == -EACCES || error == -EPERM || error == -EISDIR;
}

int usys_execute(const struct usys_command *command, char *const *environ)
{
  char *const *path;
  int worst = ENOENT;

  for (path = command->paths; *path; ++path) {
    long error = usys_bare(SYS_execve, (long)(intptr_t)*path, (long)(intptr_t)command->argv,
                           (long)(intptr_t)environ, 0);

    if (!may_try_next(error))
      return (int)-error;
    if (error != -ENOENT)
      worst = (int)-error;
  }
  return worst;
}

void usys_complain(const struct usys_command *command, int error, int patience)
{
  struct iovec pieces[3];
  const char *text = "unknown error";

  if (!command->complaint)
    return;
  if (error < command->error_count)
    text = command->errors[error];
  usys_set_piece(&pieces[0], command->complaint, strlen(command->complaint));
  usys_set_piece(&pieces[1], text, strlen(text));
  usys_set_piece(&pieces[2], "\n", 1);
  usys_write_pieces(pieces, 3, patience);
}

_Noreturn void usys_give_up(const struct usys_command *command, int error, int patience)
{
  usys_complain(command, error, patience);
  for (;;)
    usys_bare(SYS_exit_group, EXIT_TEMPORARY, 0, 0, 0);
}
