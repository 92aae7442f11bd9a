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
 * (CLONE_CHILD_CLEARTID); then it serves again.  A copier that the child starts has a
 * flag of its own.  The child makes bare system
 * calls only, for errno is the parent's: see system/baresyscall.h.  Where there are none the
 * parent stands still until the exec (CLONE_VFORK).
 *
 * A child shares its parent's oom_score_adj too, but for one of CLONE_VFORK: that
 * has its own, and is passed over by whoever looks for memory to take back, where
 * any other would be taken for a part of the server.  So where a server has
 * lowered its score a thread makes such a child and waits for its exec, while the
 * server goes on once it knows the pid (keeps_score).  That takes longer.
 *
 * The signal table and the descriptors are the child's own (no CLONE_SIGHAND,
 * no CLONE_FILES).  It starts with every signal blocked: a Python handler run
 * in it would write into the parent's wakeup pipe. */
#include "system/handlerchild.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "system/baresyscall.h"
#include "system/beforeexec.h"
#include "system/chain.h"

enum {
  GO_TRIES = 1000 /* a millisecond each */
};

#define CHILD_FLAGS (CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD)
#define CHILD_OF_WAITER_FLAGS (CLONE_VM | CLONE_VFORK | SIGCHLD)
#define WAITER_FLAGS \
  (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID)

/* Whoever reads the log may let us wait for long.  Our copies must not keep a
 * port taken, or a client waiting, that the server has done with. */
static void close_server(const struct usys_slot *slot)
{
  const int *listener = slot->program->listeners;

  for (; listener && *listener >= 0; ++listener)
    if (*listener != slot->connection && *listener != slot->output) /* a closed one's number may be new */
      usys_bare(SYS_close, *listener, 0, 0, 0);
  if (!usys_has_room(0))
    usys_close_private(slot->connection, slot->output);
}

/* Give the variable its value, which only the child knows. */
static void tell_pid(struct usys_slot *slot)
{
  size_t length;

  if (!slot->pid_entry)
    return;
  length = strlen(*slot->pid_entry);
  memcpy(slot->pid_text, *slot->pid_entry, length);
  length += put_decimal(slot->pid_text + length, (uint64_t)usys_bare(SYS_getpid, 0, 0, 0, 0));
  slot->pid_text[length] = 0;
  *slot->pid_entry = slot->pid_text;
}

/* The parent may change its score from now on: the kernel knows that ours is our own. */
static void tell_waiting(struct usys_slot *slot, int pid)
{
  __atomic_store_n(&slot->pid, pid, __ATOMIC_RELEASE);
  usys_bare(SYS_futex, (long)(intptr_t)&slot->pid, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0);
}

/* What the server does to its score must not fall into our exec, in which for a
 * moment the kernel takes us for a part of it once more.  Nor do we wait for ever. */
static void wait_to_go_on(struct usys_slot *slot)
{
  struct timespec patience = { .tv_nsec = 1000 * 1000 };
  int tries;

  for (tries = 0; !__atomic_load_n(&slot->may_go_on, __ATOMIC_ACQUIRE) && tries < GO_TRIES; ++tries)
    usys_bare(SYS_futex, (long)(intptr_t)&slot->may_go_on, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0,
              (long)(intptr_t)&patience);
}

static int run_child(void *argument)
{
  struct usys_slot *slot = argument;
  const struct usys_program *program = slot->program;
  struct usys_command failed = program->command;
  int error;

  tell_waiting(slot, (int)usys_bare(SYS_getpid, 0, 0, 0, 0));
  if (slot->takes_score)
    usys_take_score(program->score.given);
  wait_to_go_on(slot);
  close_server(slot);
  usys_write_log(slot->log, slot->log_length);
  tell_pid(slot);
  usys_put_on(slot->connection, 0);
  usys_put_on(slot->output >= 0 ? slot->output : slot->connection, 1);
  usys_set_default_action(SIGTERM); /* whatever we were given */
  usys_restore_signals(program->command.ignored, program->caught, &program->mask);
  usys_set_limits(&program->command);
  error = slot->chain ? usys_run_chain(slot->chain, &slot->room, &failed.complaint)
                      : usys_execute(&program->command, slot->room.environ);
  if (!usys_has_room(0))
    usys_close_private(-1, -1);
  usys_give_up(&failed, error, 1);
}

#if USYS_BARE
/* A thread that libc and Python know nothing of, and that makes bare calls only:
 * it borrows the thread-local storage of the one that waits for the pid. */
static int run_waiter(void *argument)
{
  struct usys_slot *slot = argument;
  int pid = clone(run_child, slot->stack + STACK_SIZE, CHILD_OF_WAITER_FLAGS, slot);

  tell_waiting(slot, pid < 0 ? -errno : pid);
  usys_bare(SYS_exit, 0, 0, 0, 0);
  return 0;
}

/* Start the child from a thread that waits for its exec in our stead.  It tells
 * us the pid, or the thread does when it was killed before. */
static int begin_by_waiter(struct usys_slot *slot)
{
  struct timespec patience = { .tv_nsec = 1000 * 1000 };
  char *stack = slot->waiter_stack + WAITER_STACK_SIZE;
  int pid;

  slot->pid = 0;
  slot->takes_score = slot->program->score.is_taken;
  if (clone(run_waiter, stack, WAITER_FLAGS, slot, NULL, NULL, &slot->busy) < 0)
    return -errno;
  while (!(pid = __atomic_load_n(&slot->pid, __ATOMIC_ACQUIRE)))
    usys_bare(SYS_futex, (long)(intptr_t)&slot->pid, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0,
              (long)(intptr_t)&patience);
  while (pid < 0 && __atomic_load_n(&slot->busy, __ATOMIC_ACQUIRE))
    usys_bare(SYS_sched_yield, 0, 0, 0, 0); /* the slot is ours again when the waiter is gone */
  return pid;
}

static int begin_as_given(struct usys_slot *slot)
{
  const struct usys_score *score = &slot->program->score;
  int pid;

  if (score->is_taken)
    return begin_by_waiter(slot);
  slot->may_go_on = 0;
  usys_put_score(score->file, score->given);
  pid = begin_by_waiter(slot);
  usys_put_score(score->file, score->own);
  __atomic_store_n(&slot->may_go_on, 1, __ATOMIC_RELEASE);
  usys_bare(SYS_futex, (long)(intptr_t)&slot->may_go_on, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0);
  return pid;
}

static int begin(struct usys_slot *slot, int keeps_score)
{
  int pid = keeps_score ? begin_as_given(slot) : -EAGAIN;

  /* Without a place for one more thread there may be one for a process, which
   * then keeps our score. */
  if (pid == -EAGAIN) {
    slot->busy = 1;
    slot->takes_score = 0;
    pid = clone(run_child, slot->stack + STACK_SIZE, CHILD_FLAGS, slot, NULL, NULL, &slot->busy);
  }
  return pid;
}
#else
static int begin(struct usys_slot *slot, int keeps_score)
{
  const struct usys_score *score = &slot->program->score;
  int pid;

  slot->takes_score = keeps_score && score->is_taken;
  if (keeps_score && !score->is_taken)
    usys_put_score(score->file, score->given);
  pid = clone(run_child, slot->stack + STACK_SIZE, CHILD_FLAGS | CLONE_VFORK, slot, NULL, NULL, &slot->busy);
  if (keeps_score && !score->is_taken)
    usys_put_score(score->file, score->own);
  return pid;
}
#endif

/* Every signal is blocked meanwhile, and so in the child. */
int usys_begin(struct usys_slot *slot, int keeps_score)
{
  sigset_t all, before;
  int pid;

  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  slot->busy = 1;
  slot->may_go_on = 1;
  pid = begin(slot, keeps_score);
  if (pid == -1)
    pid = -errno;
  if (pid < 0)
    slot->busy = 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid;
}
