/* Theory of operation.
 *
 * A fork of an interpreter copies its page tables, which costs a millisecond
 * and grows with the heap.  clone(CLONE_VM | CLONE_VFORK) copies nothing: the
 * child borrows the parent's memory, on a stack of its own, until it executes,
 * and only the calling thread waits.  So the child may write no memory that
 * the parent still needs, and must not return from a libc function that takes
 * a lock.  Everything it reads is prepared before the clone.
 *
 * The signal table is not shared (no CLONE_SIGHAND), descriptors neither (no
 * CLONE_FILES).  Every signal stays blocked in the child until its handlers
 * are the default again: a Python handler run here would write into the
 * parent's wakeup pipe. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  EXIT_TEMPORARY = 111,
  STACK_SIZE = 32768,  /* the child's deepest frame is a few hundred bytes */
  LOG_PIECES = 16,     /* two per pid in the log text, and the text has two */
  PID_DIGITS = 20
};

struct child {
  const struct usys_program *program;
  char *const *environ;
  int connection;
  const char *log;
  size_t log_length;
};

static size_t format_pid(char *text, pid_t pid)
{
  char reversed[PID_DIGITS];
  size_t count = 0, i;
  uint64_t rest = (uint64_t) pid;

  do {
    reversed[count++] = (char) ('0' + rest % 10);
    rest /= 10;
  } while (rest);
  for (i = 0; i < count; ++i)
    text[i] = reversed[count - 1 - i];
  return count;
}

/* A full pipe blocks, as it does for the originals; a dead one is ignored. */
static void write_pieces(struct iovec *piece, int count)
{
  while (count) {
    ssize_t written = writev(2, piece, count);

    if (written < 0) {
      if (errno == EINTR)
        continue;
      return;
    }
    while (count && (size_t) written >= piece->iov_len) {
      written -= (ssize_t) piece->iov_len;
      ++piece;
      --count;
    }
    if (count) {
      piece->iov_base = (char *) piece->iov_base + written;
      piece->iov_len -= (size_t) written;
    }
  }
}

static void set_piece(struct iovec *piece, const char *text, size_t length)
{
  piece->iov_base = (void *) (uintptr_t) text;
  piece->iov_len = length;
}

static void write_log(const struct child *child)
{
  char pid[PID_DIGITS];
  struct iovec pieces[LOG_PIECES];
  const char *text = child->log, *end = child->log + child->log_length, *nul;
  size_t digits = format_pid(pid, getpid());
  int count = 0;

  while (text < end && count <= LOG_PIECES - 2) {
    nul = memchr(text, 0, (size_t) (end - text));
    set_piece(&pieces[count++], text, (size_t) ((nul ? nul : end) - text));
    if (!nul)
      break;
    set_piece(&pieces[count++], pid, digits);
    text = nul + 1;
  }
  write_pieces(pieces, count);
}

static void set_action(int number, void (*handler)(int))
{
  struct sigaction action;

  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_handler = handler;
  sigaction(number, &action, NULL);
}

/* A write to a closed stderr may have left a SIGPIPE pending: ignoring drops
 * it, the default action alone would deliver it to the handler. */
static void restore_signals(const sigset_t *mask)
{
  set_action(SIGPIPE, SIG_IGN);
  set_action(SIGPIPE, SIG_DFL);
  set_action(SIGXFSZ, SIG_DFL);
  set_action(SIGTERM, SIG_DFL);
  set_action(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_SETMASK, mask, NULL);
}

/* dup2 of a descriptor onto itself leaves close-on-exec set. */
static int put_on(int connection, int target)
{
  if (connection == target)
    return fcntl(target, F_SETFD, 0);
  return dup2(connection, target);
}

static int may_try_next(int error)
{
  return error == ENOENT || error == EACCES || error == EPERM || error == EISDIR;
}

/* Returns only when nothing could be executed: the error to report.  One that
 * is not ENOENT is worth more to the administrator. */
static int execute(const struct child *child)
{
  const struct usys_program *program = child->program;
  char *const *path;
  int worst = ENOENT;

  for (path = program->paths; *path; ++path) {
    execve(*path, program->argv, child->environ);
    if (!may_try_next(errno))
      return errno;
    if (errno != ENOENT)
      worst = errno;
  }
  return worst;
}

static void complain(const struct usys_program *program, int error)
{
  struct iovec pieces[3];
  const char *text = "unknown error";

  if (!program->complaint)
    return;
  if (error >= 0 && error < program->error_count)
    text = program->errors[error];
  set_piece(&pieces[0], program->complaint, strlen(program->complaint));
  set_piece(&pieces[1], text, strlen(text));
  set_piece(&pieces[2], "\n", 1);
  write_pieces(pieces, 3);
}

static int run_child(void *argument)
{
  const struct child *child = argument;
  int error;

  write_log(child);
  if (put_on(child->connection, 0) == -1 || put_on(child->connection, 1) == -1)
    _exit(EXIT_TEMPORARY);
  restore_signals(&child->program->mask);
  error = execute(child);
  complain(child->program, error);
  _exit(EXIT_TEMPORARY);
}

/* Whether an entry has the name of one of the variables.  A name ends at its
 * first "=", which is compared too. */
static int is_replaced(const char *entry, const char *variables, const char *end)
{
  const char *at;

  for (at = variables; at < end; at += strlen(at) + 1)
    if (*at == *entry && !strncmp(at, entry, strcspn(at, "=") + 1))
      return 1;
  return 0;
}

/* The inherited variables that are not replaced, then the new ones.  The array
 * is the caller's to free; the strings stay where they are. */
static char **merge_environ(char *const *inherited, const char *variables, size_t length)
{
  const char *end = variables + length, *at;
  size_t count = 1, i;
  char **merged, **next;

  for (i = 0; inherited[i]; ++i)
    ++count;
  for (at = variables; at < end; at += strlen(at) + 1)
    ++count;
  next = merged = malloc(count * sizeof *merged);
  if (!merged)
    return NULL;
  for (i = 0; inherited[i]; ++i)
    if (!is_replaced(inherited[i], variables, end))
      *next++ = inherited[i];
  for (at = variables; at < end; at += strlen(at) + 1)
    *next++ = (char *) (uintptr_t) at;
  *next = NULL;
  return merged;
}

void usys_capture_mask(struct usys_program *program)
{
  pthread_sigmask(SIG_SETMASK, NULL, &program->mask);
  sigdelset(&program->mask, SIGCHLD);
}

int usys_spawn(const struct usys_program *program, int connection,
               const char *variables, size_t variables_length,
               const char *log, size_t log_length)
{
  _Alignas(16) char stack[STACK_SIZE];
  struct child child = { program, NULL, connection, log, log_length };
  char **merged = merge_environ(program->environ, variables, variables_length);
  int pid = -1;

  if (merged) {
    child.environ = merged;
    pid = clone(run_child, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
  }
  if (pid < 0)
    pid = -errno;
  free(merged);
  close(connection);
  return pid;
}
