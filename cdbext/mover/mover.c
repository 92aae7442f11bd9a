/* The program that moves bytes in place of an interpreter: the copier of recordio
 * and fixcrio, proxyio, and addcr and delcr behind tcpserver.
 *
 * It is started by our programs alone.  Its command line and its name are those of
 * the program that it works for, since `ps` shows them.  What it is to do is the last
 * entry of its environment, one of
 *
 *     UCSPI_MOVER=record TO FROM PID NAME
 *     UCSPI_MOVER=fixcr TO FROM PID NAME
 *     UCSPI_MOVER=addcr NAME
 *     UCSPI_MOVER=delcr NAME
 *     UCSPI_MOVER=proxy NAME
 *
 * TO and FROM are our ends of the pipes to and from the program with that PID, and
 * NAME is the name that the kernel shows.  No libc: a process that waits for hours
 * holds a few pages. */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>

#include "mover/copier.h"
#include "mover/descriptors.h"
#include "mover/filter.h"
#include "mover/relay.h"
#include "system/baresyscall.h"

enum {
  EXIT_USAGE = 100,
  EXIT_TEMPORARY = 111,
  DIGITS_MAX = 9 /* of a descriptor or pid */
};

/* Take a word and a blank away; return whether they were there. */
static int take_word(const char **at, const char *word)
{
  const char *from = *at;

  while (*word && *from == *word) {
    ++from;
    ++word;
  }
  if (*word || *from != ' ')
    return 0;
  *at = from + 1;
  return 1;
}

/* Take a number and a blank away; return it, or -1 where there is none. */
static int take_number(const char **at)
{
  const char *from = *at;
  int number = 0;

  while (*from >= '0' && *from <= '9' && from - *at < DIGITS_MAX)
    number = 10 * number + (*from++ - '0');
  if (from == *at || *from != ' ')
    return -1;
  *at = from + 1;
  return number;
}

static void show_name(const char *name)
{
  usys_bare(SYS_prctl, PR_SET_NAME, (long)(intptr_t)name, 0, 0);
}

#define SAY(line) write_all(2, line, sizeof(line) - 1)

static void ignore_broken_pipes(void)
{
  uintptr_t action[8] = { (uintptr_t)SIG_IGN }; /* the kernel's own structure begins with it */

  usys_bare(SYS_rt_sigaction, SIGPIPE, (long)(intptr_t)action, 0, SIGNAL_SET_SIZE);
}

static int start_copier(int is_recording, const char *at)
{
  struct order order = { .is_recording = is_recording };
  int pid;

  order.to_program = take_number(&at);
  order.from_program = take_number(&at);
  order.pid = at;
  pid = take_number(&at);
  if (order.to_program < 0 || order.from_program < 0 || pid < 0)
    return EXIT_USAGE;
  order.digits = (size_t)(at - order.pid) - 1;
  show_name(at);
  ignore_broken_pipes();
  if (!copy(&order))
    return 0;
  if (is_recording)
    SAY("recordio: fatal: unable to copy\n");
  else
    SAY("fixcrio: fatal: unable to copy\n");
  return EXIT_TEMPORARY;
}

static int start_relay(const char *name)
{
  show_name(name);
  ignore_broken_pipes();
  if (!relay())
    return 0;
  SAY("proxyio: fatal: unable to copy\n");
  return EXIT_TEMPORARY;
}

static int obey(const char *at)
{
  if (take_word(&at, "UCSPI_MOVER=record"))
    return start_copier(1, at);
  if (take_word(&at, "UCSPI_MOVER=fixcr"))
    return start_copier(0, at);
  if (take_word(&at, "UCSPI_MOVER=addcr")) {
    show_name(at);
    return add_carriage_returns();
  }
  if (take_word(&at, "UCSPI_MOVER=delcr")) {
    show_name(at);
    return remove_carriage_returns();
  }
  if (take_word(&at, "UCSPI_MOVER=proxy"))
    return start_relay(at);
  return EXIT_USAGE;
}

static int move(char *const *environ)
{
  int code;

  while (*environ && environ[1])
    ++environ;
  code = obey(*environ ? *environ : "");
  if (code == EXIT_USAGE)
    SAY("ucspi: fatal: this program is started by recordio, fixcrio, proxyio and tcpserver alone\n");
  return code;
}

#if USYS_BARE

/* What the kernel leaves on the stack: argc, argv, NULL, environ, NULL. */
__attribute__((noreturn, used)) void move_from(uintptr_t *stack)
{
  int code = move((char *const *)(void *)(stack + 1) + stack[0] + 1);

  for (;;)
    usys_bare(SYS_exit_group, code, 0, 0, 0);
}

#ifdef __x86_64__
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n"
        "\tand $-16, %rsp\n\tcall move_from\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tbl move_from\n");
#endif

#else

int main(int argc, char **argv, char **environ)
{
  (void)argc;
  (void)argv;
  return move(environ);
}

#endif
