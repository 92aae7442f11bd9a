/* Theory of operation.
 *
 * We share the server's memory, and so does the copier until it executes.  We
 * stand still meanwhile (CLONE_VFORK): the environment and the order are ours, and
 * if the mover cannot be executed the link is.  Should we be killed then, the memory
 * that both of us use stays busy until the copier has left it.
 *
 * libc's clone would write the errno of the server where it fails, so there is one
 * of our own.  The copier needs no more stack than a system call. */
#include "system/startmover.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>

#include "numbers/decimal.h"
#include "system/baresyscall.h"
#include "system/beforeexec.h"

#if USYS_BARE

enum {
  STACK = 2048,
  ORDER_MAX = 128, /* bytes of the order: a word, three numbers and a name */
  WORD_MAX = 16,
  NAME_MAX_SHOWN = 15,
  EXIT_TEMPORARY = 111
};

struct start {
  int mover;
  int to_program[2], from_program[2];
  char *const *argv, *const *environ;
  long error; /* 0 while nothing has failed */
};

/* Start a process that shares our memory, on a stack of its own, and wait until it
 * has executed or ended.  The kernel sets *busy as it makes the process, so that
 * one who is killed before leaves nothing behind.  Returns its pid, or -errno. */
static long start_sharing(void (*run)(struct start *), struct start *start, char *stack_end, pid_t *busy)
{
  long flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, result;

#ifdef __x86_64__
  register void (*called)(struct start *) __asm__("r12") = run;
  register struct start *given __asm__("r13") = start;
  register pid_t *cleared __asm__("r10") = busy;

  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\tjnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\tmov %%r13, %%rdi\n\tcall *%%r12\n\thlt\n1:"
                   : "=a"(result)
                   : "a"((long)SYS_clone), "D"(flags), "S"(stack_end), "d"(busy), "r"(cleared), "r"(called),
                     "r"(given)
                   : "rcx", "r11", "cc", "memory");
#else
  register long x8 __asm__("x8") = SYS_clone;
  register long x0 __asm__("x0") = flags;
  register char *x1 __asm__("x1") = stack_end;
  register pid_t *x2 __asm__("x2") = busy;
  register long x3 __asm__("x3") = 0;
  register pid_t *x4 __asm__("x4") = busy;
  register void (*called)(struct start *) __asm__("x9") = run;
  register struct start *given __asm__("x10") = start;

  __asm__ volatile("svc 0\n\tcbnz x0, 1f\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, x10\n\tblr x9\n\tbrk #0\n1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(called), "r"(given)
                   : "x30", "cc", "memory");
  result = x0;
#endif
  return result;
}

static void leave_open(int fd)
{
  usys_bare(SYS_fcntl, fd, F_SETFD, 0, 0);
}

/* Returns -errno. */
static long execute_mover(int file, char *const *argv, char *const *environ)
{
  return usys_bare5(SYS_execveat, file, (long)(intptr_t)"", (long)(intptr_t)argv, (long)(intptr_t)environ,
                    AT_EMPTY_PATH);
}

static void become_copier(struct start *start)
{
  leave_open(start->to_program[1]);
  leave_open(start->from_program[0]);
  start->error = execute_mover(start->mover, start->argv, start->environ);
  for (;;)
    usys_bare(SYS_exit_group, EXIT_TEMPORARY, 0, 0, 0);
}

static char *put_text(char *to, const char *text, size_t most)
{
  for (; *text && most; --most)
    *to++ = *text++;
  return to;
}

static char *put_number(char *to, long number)
{
  to += put_decimal(to, (uint64_t)number);
  *to++ = ' ';
  return to;
}

static char *put_name(char *to, const char *path)
{
  const char *at, *name = path;

  for (at = path; *at; ++at)
    if (*at == '/')
      name = at + 1;
  return put_text(to, name, NAME_MAX_SHOWN);
}

/* Write the order as mover/mover.c reads it; start: of a copier, or NULL. */
static void put_order(char *to, const char *word, const struct start *start, const char *path)
{
  to = put_text(to, "UCSPI_MOVER=", WORD_MAX);
  to = put_text(to, word, WORD_MAX);
  *to++ = ' ';
  if (start) {
    to = put_number(to, start->to_program[1]);
    to = put_number(to, start->from_program[0]);
    to = put_number(to, usys_bare(SYS_getpid, 0, 0, 0, 0));
  }
  to = put_name(to, path);
  *to = 0;
}

/* Put the order behind an environment; return where it stands. */
static char **append(char **environ, char *order)
{
  while (*environ)
    ++environ;
  environ[0] = order;
  environ[1] = NULL;
  return environ;
}

static long make_pipe(int *ends)
{
  return usys_bare(SYS_pipe2, (long)(intptr_t)ends, O_CLOEXEC, 0, 0);
}

static void close_pipe(const int *ends)
{
  usys_bare(SYS_close, ends[0], 0, 0, 0);
  usys_bare(SYS_close, ends[1], 0, 0, 0);
}

/* Run the mover with an environment that ends with its order.  Returns 0, or -errno. */
static long run_mover(struct start *start, const struct usys_mover *mover, const struct usys_command *link,
                      char **environ, pid_t *busy)
{
  _Alignas(16) char stack[STACK];
  char order[ORDER_MAX], **end;
  long pid;

  put_order(order, mover->order, start, *link->paths);
  end = append(environ, order);
  start->argv = link->argv;
  start->environ = environ;
  start->error = 0;
  pid = start_sharing(become_copier, start, stack + STACK, busy);
  *end = NULL;
  if (pid < 0)
    return pid;
  if (start->error) /* the program shall not have a child that it did not start */
    usys_bare(SYS_wait4, pid, 0, 0, 0);
  return start->error;
}

int usys_start_copier(const struct usys_mover *mover, const struct usys_command *link, char **environ,
                      pid_t *busy)
{
  struct start start = { .mover = mover->file };
  long error;

  error = make_pipe(start.to_program);
  if (error)
    return (int)-error;
  error = make_pipe(start.from_program);
  if (!error) {
    error = run_mover(&start, mover, link, environ, busy);
    if (!error) {
      usys_put_on(start.to_program[0], 0);
      usys_put_on(start.from_program[1], 1);
    }
    close_pipe(start.from_program);
  }
  close_pipe(start.to_program);
  return (int)-error;
}

int usys_become_filter(const struct usys_mover *mover, const struct usys_command *link, char **environ)
{
  char order[ORDER_MAX], **end;
  long error;

  put_order(order, mover->order, NULL, *link->paths);
  end = append(environ, order);
  error = execute_mover(mover->file, link->argv, environ);
  *end = NULL;
  return (int)-error;
}

#else

int usys_start_copier(const struct usys_mover *mover, const struct usys_command *link, char **environ,
                      pid_t *busy)
{
  (void)mover;
  (void)link;
  (void)environ;
  (void)busy;
  return ENOSYS;
}

int usys_become_filter(const struct usys_mover *mover, const struct usys_command *link, char **environ)
{
  (void)mover;
  (void)link;
  (void)environ;
  return ENOSYS;
}

#endif
