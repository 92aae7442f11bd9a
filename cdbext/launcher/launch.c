/* Every installed command is this program.
 *
 * Theory of operation.  The environment and the working directory belong to
 * the program that a tool runs, and Python takes orders from both.  So a
 * command is no script but this, which has the interpreter started with -I and
 * -S.  Where that is it asks nobody: the kernel knows which file is executed,
 * and interpreter and package stand beside it.
 *
 * What the start of Python would change or lose is found out before, and told
 * in arguments that `ucspi/_start.py` takes away again: which signals were
 * ignored, for CPython ignores two itself, and the name that the kernel shows.
 * SIGINT is held back until its action is not Python's traceback.
 *
 * A limit on memory is meant for a program in C, and Python does not even start
 * under many that serve for that.  So the soft limits are raised here, by as much
 * as an interpreter is larger; each program of ours gives those that were asked
 * for to what it executes.
 *
 * There may be hardly any memory: no libc, no allocation, and the new command
 * line is written in front of the old one.  The processors for which system/baresyscall.h has
 * no system call get an ordinary program. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "launcher/beforepython.h"
#include "launcher/fail.h"
#include "launcher/places.h"
#include "launcher/text.h"
#include "system/baresyscall.h"

/* Written over in each copy that is installed by a command's name and the module
 * that it runs, each ended by a NUL: a copy is what it is, whatever it is called. */
static const volatile char baked[96] = "@ucspi: name and module";

enum {
  COMM_SIZE = 16,
  ARGUMENTS = 9 /* in front of what was typed; `_start.py` counts on it */
};

static struct text directory, interpreter, bootstrap, facts, module;

static const volatile char *put_baked(struct text *text, const volatile char *from)
{
  while (*from)
    put_character(text, *from++);
  return from + 1;
}

static _Noreturn void execute(char *const *argv, char *const *environ)
{
  const char *places[] = { directory.at, "/usr/bin", "/usr/local/bin" };
  size_t i, count = is_in_venv(&directory) ? 1 : sizeof places / sizeof *places;
  long error = 0, worst = -ENOENT;

  for (i = 0; i < count && (!error || error == -ENOENT); ++i) {
    cut(&interpreter, 0);
    put(&interpreter, places[i]);
    put(&interpreter, "/" LAUNCH_PYTHON);
    check_length(&interpreter);
    error = usys_bare(SYS_execve, (long)(intptr_t)interpreter.at, (long)(intptr_t)argv,
                      (long)(intptr_t)environ, 0);
    if (error != -ENOENT)
      worst = error;
  }
  put(&directory, "/" LAUNCH_PYTHON);
  fail("unable to run ", worst == -ENOENT ? directory.at : interpreter.at, worst,
       worst == -ENOENT       ? "; ucspi was installed for that Python: install it again"
           : worst == -EACCES ? "; whoever runs ucspi must be able to run it"
                              : "");
}

/* argv has room for ARGUMENTS in front of it. */
static _Noreturn void launch(char **argv, char *const *environ, const char *executed)
{
  static char comm[COMM_SIZE];
  /* In any locale, or in one whose charset Python does not have, bytes stay what they are. */
  static char isolated[] = "-I", without_site[] = "-S", utf8[] = "-Xutf8";

  put_baked(&module, put_baked(&command_name, baked));
  look_at_signals(&facts);
  find_self(executed, &directory);
  find_bootstrap(&directory, &bootstrap);
  put_directories_aside(&facts);
  raise_limits(&facts);
  usys_bare(SYS_prctl, PR_GET_NAME, (long)(intptr_t)comm, 0, 0);
  argv -= ARGUMENTS;
  argv[0] = interpreter.at; /* with its whole path: Python looks for its library from there */
  argv[1] = isolated;
  argv[2] = without_site;
  argv[3] = utf8;
  argv[4] = bootstrap.at;
  argv[5] = module.at;
  argv[6] = facts.at;
  argv[7] = comm;
  argv[8] = (char *)(uintptr_t)executed;
  execute(argv, environ);
}

#if USYS_BARE

enum { AT_NULL = 0, AT_EXECFN = 31 };

/* What the kernel leaves on the stack: argc, argv, NULL, environ, NULL, pairs. */
__attribute__((noreturn, used)) void launch_from(uintptr_t *stack)
{
  char **argv = (char **)(void *)(stack + 1), **environ = argv + stack[0] + 1, **end = environ;
  const uintptr_t *pair;
  const char *executed = "";

  while (*end)
    ++end;
  for (pair = (const uintptr_t *)(void *)(end + 1); pair[0] != AT_NULL; pair += 2)
    if (pair[0] == AT_EXECFN)
      executed = (const char *)pair[1];
  launch(argv, environ, executed);
}

/* ARGUMENTS, less the one in the place of argc, lie below the stack's end. */
#ifdef __x86_64__
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tsub $128, %rsp\n"
        "\tand $-16, %rsp\n\tcall launch_from\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tsub sp, sp, #128\n"
        "\tbl launch_from\n");
#endif

#else

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

int main(int argc, char **argv, char **environ)
{
  size_t size = ((size_t)argc + 1) * sizeof *argv;
  char **copy = malloc(ARGUMENTS * sizeof *argv + size);

  if (!copy)
    fail("out of memory", "", 0, "");
  memcpy(copy + ARGUMENTS, argv, size);
  launch(copy + ARGUMENTS, environ, (const char *)getauxval(AT_EXECFN));
}

#endif
