/* Theory of operation.
 *
 * clone(CLONE_VM): nothing of the parent is copied, and the calling thread
 * waits until the child has executed or exited, for then all that the child was
 * given may be freed.  system/spawnhandler.c does without the waiting, for handlers that come
 * by the thousand; a supervisor starts one program now and then.
 *
 * The child opens, writes and executes files, on a disk that may hang.  A parent
 * with more to do waits for a moment only, at the word that the kernel clears
 * when the child leaves our memory (CLONE_CHILD_CLEARTID); all that a late child
 * was given, its stack too, must stay until then.  Without bare system calls
 * (system/baresyscall.h), and without such a limit, the parent stands still (CLONE_VFORK).
 *
 * The child's descriptors are a copy until the exec closes those that are
 * close-on-exec: a lock that the parent holds stays held, should the parent be
 * killed, until the child has written down its birth.  What is none of its
 * business, other services' locks, it closes first. */
#include "system/startservice.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#if defined(__linux__)
#include <linux/futex.h>
#endif

#include "numbers/decimal.h"
#include "system/baresyscall.h"
#include "system/beforeexec.h"

#define ANY_SIGNAL UINT64_MAX /* we have not looked which are caught */

enum {
  STAT_MAX = 1024,  /* bytes of /proc/self/stat: 52 numbers and a short name */
  START_FIELD = 20, /* spaces between the name's ")" and the start time */
  START_COLUMN = 21 /* where the start time stands behind birth_head */
};

/* The start time's digits in the text of /proc/self/stat; NULL when it has none. */
static const char *find_start(const char *text, size_t length)
{
  const char *at, *found = NULL;
  int spaces = 0;

  for (at = text; at < text + length; ++at)
    if (*at == ')') {
      found = NULL;
      spaces = 0;
    } else if (*at == ' ' && ++spaces == START_FIELD) {
      found = at + 1;
    }
  return found;
}

static long read_file(const char *path, char *text, size_t room)
{
  long fd = usys_bare(SYS_openat, AT_FDCWD, (long)(intptr_t)path, O_RDONLY | O_CLOEXEC, 0);
  long length;

  if (fd < 0)
    return fd;
  length = usys_bare(SYS_read, fd, (long)(intptr_t)text, (long)room, 0);
  usys_bare(SYS_close, fd, 0, 0, 0);
  return length;
}

static void write_birth(const struct usys_start *start)
{
  char stat[STAT_MAX], line[USYS_BIRTH_HEAD + USYS_BIRTH_TAIL];
  size_t head = strlen(start->birth_head);
  const char *from, *end;
  char *to = line + head + START_COLUMN;
  long length = read_file("/proc/self/stat", stat, sizeof stat);

  from = length > 0 ? find_start(stat, (size_t)length) : NULL;
  if (!from || head > USYS_BIRTH_HEAD)
    return;
  end = stat + length;
  memcpy(line, start->birth_head, head);
  memset(line + head, ' ', USYS_BIRTH_TAIL);
  put_decimal(line + head, (uint64_t)usys_bare(SYS_getpid, 0, 0, 0, 0));
  while (from < end && *from >= '0' && *from <= '9' && to < line + head + USYS_BIRTH_TAIL - 1)
    *to++ = *from++;
  line[head + USYS_BIRTH_TAIL - 1] = '\n';
  usys_bare(SYS_write, start->birth, (long)(intptr_t)line, (long)(head + USYS_BIRTH_TAIL), 0);
}

/* Whoever started us sees whether this was done, for our memory is its own;
 * if not it publishes the record itself, and says what is wrong. */
static void publish(struct usys_start *start)
{
#ifdef SYS_renameat
  char record[USYS_RECORD];
  long folder = start->record_folder < 0 ? AT_FDCWD : start->record_folder;
  long fd, written, pid = usys_bare(SYS_getpid, 0, 0, 0, 0);
  size_t i;

  if (start->record_length > USYS_RECORD || start->record_pid + 4 > start->record_length)
    return;
  memcpy(record, start->record, start->record_length);
  for (i = 0; i < 4; ++i)
    record[start->record_pid + i] = (char)(pid >> 8 * i & 255);
  fd = usys_bare(SYS_openat, folder, (long)(intptr_t)start->record_new,
                 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0)
    return;
  written = usys_bare(SYS_write, fd, (long)(intptr_t)record, (long)start->record_length, 0);
  usys_bare(SYS_close, fd, 0, 0, 0);
  if (written == (long)start->record_length)
    start->is_published = !usys_bare(SYS_renameat, folder, (long)(intptr_t)start->record_new, folder,
                                     (long)(intptr_t)start->record_name);
#else
  (void)start;
#endif
}

/* Whether the parent stands still until the exec. */
static int stands_still(const struct usys_start *start)
{
  return !USYS_BARE || start->patience < 0;
}

static void put_others(const int *others)
{
  for (; others && *others >= 0; others += 2)
    usys_put_on(others[0], others[1]);
}

static int prepare_and_execute(struct usys_start *start)
{
  if (start->is_leader)
    usys_bare(SYS_setsid, 0, 0, 0, 0); /* first: its group is signalled as soon as we have its pid */
  if (start->score)
    usys_take_score(start->score); /* ours too, if we do not stand still */
  if (start->kept)
    usys_close_others(start->kept);
  if (start->directory >= 0) {
    long error = usys_bare(SYS_fchdir, start->directory, 0, 0, 0);

    if (error < 0)
      return (int)-error;
  }
  if (start->record_new)
    publish(start); /* first: somebody may be waiting for it */
  if (start->birth >= 0)
    write_birth(start);
  if (start->input >= 0)
    usys_put_on(start->input, 0);
  if (start->output >= 0)
    usys_put_on(start->output, 1);
  put_others(start->others);
  if (start->own_pid)
    put_decimal(start->own_pid, (uint64_t)usys_bare(SYS_getpid, 0, 0, 0, 0));
  if (start->open_files)
    usys_set_soft_limit(RLIMIT_NOFILE, start->open_files);
  usys_restore_signals(start->command.ignored, ANY_SIGNAL, &start->mask);
  usys_set_limits(&start->command);
  return usys_execute(&start->command, start->command.environ);
}

static int run_child(void *argument)
{
  struct usys_start *start = argument;
  int error = prepare_and_execute(start);

  /* Our parent stands still until we are gone, and a reader of its log may never come. */
  usys_give_up(&start->command, error, 0);
}

/* Wait for a moment until the child has left our memory. */
static void await(const int *busy, int milliseconds)
{
#if USYS_BARE
  struct timespec patience = { milliseconds / 1000, milliseconds % 1000 * 1000000L };

  while (__atomic_load_n(busy, __ATOMIC_ACQUIRE))
    if (usys_bare(SYS_futex, (long)(intptr_t)busy, FUTEX_WAIT, 1, (long)(intptr_t)&patience) == -ETIMEDOUT)
      return;
#else
  (void)busy;
  (void)milliseconds;
#endif
}

/* Every signal is blocked meanwhile, and so in the child. */
int usys_start(struct usys_start *start)
{
  int flags = CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD | (stands_still(start) ? CLONE_VFORK : 0);
  sigset_t all, before;
  int pid;

  start->is_published = 0;
  start->busy = 1;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  start->mask = before;
  sigdelset(&start->mask, SIGCHLD);
  pid = clone(run_child, start->stack + USYS_START_STACK, flags, start, NULL, NULL, &start->busy);
  if (pid < 0) {
    pid = -errno;
    start->busy = 0;
  } else if (!stands_still(start)) {
    await(&start->busy, start->patience);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid;
}
