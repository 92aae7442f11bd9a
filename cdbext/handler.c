/* Theory of operation.
 *
 * A fork of an interpreter copies its page tables, which costs a millisecond
 * and grows with the heap.  clone(CLONE_VM) copies nothing: until it executes
 * the child borrows the parent's memory, on a stack of its own, and both run.
 * So the parent neither waits for the exec nor needs a thread to wait for it,
 * and knows the pid before it can reap the child.  While it prepares, a child
 * counts as big as the parent for whoever looks for memory to take back.
 *
 * What the child touches is its own (a slot: stack, texts, environment) or
 * never changes (the program).  A slot is busy until the kernel clears its
 * flag, which it does when the child leaves our memory, by exec or by exit
 * (CLONE_CHILD_CLEARTID); then it serves again.  The child makes bare system
 * calls only, for errno is the parent's: see bare.h.  Where there are none the
 * parent stands still until the exec (CLONE_VFORK).
 *
 * The signal table and the descriptors are the child's own (no CLONE_SIGHAND,
 * no CLONE_FILES).  It starts with every signal blocked: a Python handler run
 * in it would write into the parent's wakeup pipe. */
#include "handler.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "bare.h"

enum { LOG_PIECES = 16 };  /* two per pid in the log text, and the text has two */

#if USYS_BARE
#define CLONE_FLAGS (CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD)
#else
#define CLONE_FLAGS (CLONE_VM | CLONE_CHILD_CLEARTID | CLONE_VFORK | SIGCHLD)
#endif

static void write_log(const struct usys_slot *slot)
{
  char pid[PID_DIGITS];
  struct iovec pieces[LOG_PIECES];
  const char *text = slot->log, *end = slot->log + slot->log_length, *nul;
  size_t digits = format_number(pid, (uint64_t) usys_bare(SYS_getpid, 0, 0, 0, 0));
  int count = 0;

  while (text < end && count <= LOG_PIECES - 2) {
    nul = memchr(text, 0, (size_t) (end - text));
    set_piece(&pieces[count++], text, (size_t) ((nul ? nul : end) - text));
    if (!nul)
      break;
    set_piece(&pieces[count++], pid, digits);
    text = nul + 1;
  }
  write_pieces(pieces, count, 1);
}

/* Whoever reads the log may let us wait for long.  Our copies must not keep a
 * port taken, or a client waiting, that the server has done with. */
static void close_server(const struct usys_slot *slot)
{
  const int *listener = slot->program->listeners;

  for (; listener && *listener >= 0; ++listener)
    if (*listener != slot->connection)  /* a closed one's number may have been given anew */
      usys_bare(SYS_close, *listener, 0, 0, 0);
  if (!has_room(0))
    close_private(slot->connection);
}

static void restore_signals(const struct usys_program *program)
{
  int number;

  restore_ignored(SIGPIPE, program->ignored);
  restore_ignored(SIGXFSZ, program->ignored);
  set_action(SIGTERM, SIG_DFL);
  set_action(SIGCHLD, SIG_DFL);
  for (number = 1; number <= USYS_SIGNALS; ++number)
    if (program->caught >> (number - 1) & 1)
      forget_caught(number);
  usys_bare(SYS_rt_sigprocmask, SIG_SETMASK, (long) (intptr_t) &program->mask, 0, SIGNAL_SET_SIZE);
}

/* Give the variable its value, which only the child knows. */
static void tell_pid(struct usys_slot *slot)
{
  size_t length;

  if (!slot->pid_entry)
    return;
  length = strlen(*slot->pid_entry);
  memcpy(slot->pid_text, *slot->pid_entry, length);
  length += format_number(slot->pid_text + length, (uint64_t) usys_bare(SYS_getpid, 0, 0, 0, 0));
  slot->pid_text[length] = 0;
  *slot->pid_entry = slot->pid_text;
}

static int run_child(void *argument)
{
  struct usys_slot *slot = argument;
  const struct usys_program *program = slot->program;
  int error;

  close_server(slot);
  write_log(slot);
  tell_pid(slot);
  put_on(slot->connection, 0);
  put_on(slot->connection, 1);
  restore_signals(program);
  set_soft_limits(program->limits, program->limit_count);
  error = execute(program->paths, program->argv, slot->environ);
  if (!has_room(0))
    close_private(-1);
  complain(program->complaint, program->errors, program->error_count, error, 1);
  usys_bare(SYS_exit_group, EXIT_TEMPORARY, 0, 0, 0);
  return EXIT_TEMPORARY;
}

/* Every signal is blocked meanwhile, and so in the child. */
int usys_begin(struct usys_slot *slot)
{
  sigset_t all, before;
  int pid;

  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  slot->busy = 1;
  pid = clone(run_child, slot->stack + STACK_SIZE, CLONE_FLAGS, slot, NULL, NULL, &slot->busy);
  if (pid < 0) {
    pid = -errno;
    slot->busy = 0;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid;
}
