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

#include "bare.h"
#include "child.h"

enum {
  STACK_SIZE = 16384,  /* the child's deepest frame is a few hundred bytes */
  LOG_PIECES = 16,     /* two per pid in the log text, and the text has two */
  PID_NAME_MAX = 40    /* bytes of a variable's name and its equals sign */
};

#if USYS_BARE
#define CLONE_FLAGS (CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD)
#else
#define CLONE_FLAGS (CLONE_VM | CLONE_CHILD_CLEARTID | CLONE_VFORK | SIGCHLD)
#endif

struct usys_slot {
  _Alignas(16) char stack[STACK_SIZE];
  struct usys_slot *next;
  pid_t busy;  /* cleared by the kernel when the child has left our memory */
  int connection;
  const struct usys_program *program;
  size_t capacity;  /* bytes at texts */
  char *texts;      /* the environment's pointers, the variables, the log */
  char *const *environ;
  const char *log;
  size_t log_length;
  char **pid_entry; /* the variable that gets the child's pid, or NULL */
  char pid_text[PID_NAME_MAX + PID_DIGITS + 1];
};

/* The child's part: bare system calls, no memory but the slot. */

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
  write_pieces(pieces, count);
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
  forget_caught(SIGHUP);
  forget_caught(SIGQUIT);
  forget_caught(SIGABRT);
  forget_caught(SIGUSR1);
  usys_bare(SYS_rt_sigprocmask, SIG_SETMASK, (long) (intptr_t) mask, 0, SIGNAL_SET_SIZE);
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

  write_log(slot);
  tell_pid(slot);
  put_on(slot->connection, 0);
  put_on(slot->connection, 1);
  restore_signals(&program->mask);
  error = execute(program->paths, program->argv, slot->environ);
  complain(program->complaint, program->errors, program->error_count, error);
  usys_bare(SYS_exit_group, EXIT_TEMPORARY, 0, 0, 0);
  return EXIT_TEMPORARY;
}

/* The parent's part. */

/* A slot whose child is gone, or a new one; NULL without memory. */
static struct usys_slot *take_slot(struct usys_program *program)
{
  struct usys_slot *slot;

  for (slot = program->slots; slot; slot = slot->next)
    if (!__atomic_load_n(&slot->busy, __ATOMIC_ACQUIRE))
      return slot;
  slot = calloc(1, sizeof *slot);
  if (slot) {
    slot->program = program;
    slot->next = program->slots;
    program->slots = slot;
  }
  return slot;
}

static int reserve(struct usys_slot *slot, size_t size)
{
  char *texts;

  if (size <= slot->capacity)
    return 0;
  texts = realloc(slot->texts, size);
  if (!texts)
    return -1;
  slot->texts = texts;
  slot->capacity = size;
  return 0;
}

static size_t count_entries(char *const *entries)
{
  size_t count = 0;

  while (entries[count])
    ++count;
  return count;
}

static size_t count_texts(const char *texts, const char *end)
{
  size_t count = 0;

  for (; texts < end; texts += strlen(texts) + 1)
    ++count;
  return count;
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

static int is_pid_variable(const struct usys_program *program, const char *text)
{
  const char *name = program->pid_variable;

  return name && strlen(name) <= PID_NAME_MAX && !strcmp(text, name);
}

/* Fill a slot: the inherited variables that are not replaced, then the new. */
static int fill(struct usys_slot *slot, const char *variables, size_t variables_length,
                const char *log, size_t log_length)
{
  char *const *inherited = slot->program->environ;
  size_t entries = count_entries(inherited) + count_texts(variables, variables + variables_length) + 1;
  char **next, *text, *end;

  if (reserve(slot, entries * sizeof *next + variables_length + log_length))
    return -1;
  next = (char **) (void *) slot->texts;
  text = slot->texts + entries * sizeof *next;
  end = text + variables_length;
  memcpy(text, variables, variables_length);
  memcpy(end, log, log_length);
  slot->environ = next;
  slot->log = end;
  slot->log_length = log_length;
  slot->pid_entry = NULL;
  for (; *inherited; ++inherited)
    if (!is_replaced(*inherited, text, end))
      *next++ = *inherited;
  for (; text < end; text += strlen(text) + 1) {
    if (is_pid_variable(slot->program, text))
      slot->pid_entry = next;
    *next++ = text;
  }
  *next = NULL;
  return 0;
}

/* Every signal is blocked meanwhile, and so in the child. */
static int start(struct usys_slot *slot)
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

void usys_capture_mask(struct usys_program *program)
{
  pthread_sigmask(SIG_SETMASK, NULL, &program->mask);
  sigdelset(&program->mask, SIGCHLD);
}

int usys_spawn(struct usys_program *program, int connection,
               const char *variables, size_t variables_length,
               const char *log, size_t log_length)
{
  struct usys_slot *slot = take_slot(program);
  int pid = -ENOMEM;

  if (slot && !fill(slot, variables, variables_length, log, log_length)) {
    slot->connection = connection;
    pid = start(slot);
  }
  close(connection);
  return pid;
}
