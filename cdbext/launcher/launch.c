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
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "system/baresyscall.h"
#define LAUNCH_BARE USYS_BARE
#include "launcher/launch.h"

/* Written over in each copy that is installed by a command's name and the module
 * that it runs, each ended by a NUL: a copy is what it is, whatever it is called. */
static const volatile char baked[96] = "@ucspi: name and module";

enum {
  EXIT_TEMPORARY = 111,
  MOST_LINKS = 40, /* followed, as the kernel does */
  COMM_SIZE = 16,
  ARGUMENTS = 9 /* in front of what was typed; `_start.py` counts on it */
};

#define MEGABYTES(count) ((uint64_t)(count) << 20)
static const uint64_t NO_LIMIT = (uint64_t)-1;
static const uint64_t MORE = MEGABYTES(64); /* what an interpreter may take on top of what was asked */
static const uint64_t USUAL_STACK = MEGABYTES(8);
/* With less than this Python does not start; with ENOUGH every command does its work. */
static const uint64_t LEAST_SPACE = 16000000, LEAST_DATA = 8000000, LEAST_STACK = 262144;
#define ENOUGH "32000000"

static struct text self, directory, interpreter, bootstrap, facts, name, module;

static __attribute__((noreturn)) void fail(const char *what, const char *path, long error, const char *advice)
{
  static const struct {
    int number;
    const char *text;
  } texts[] = {
    { ENOENT,       "file does not exist"    },
    { EACCES,       "access denied"          },
    { ENOTDIR,      "not a directory"        },
    { ELOOP,        "symbolic link loop"     },
    { ENAMETOOLONG, "file name too long"     },
    { E2BIG,        "argument list too long" },
    { ENOMEM,       "out of memory"          },
    { ENOEXEC,      "exec format error"      },
    { EAGAIN,       "temporary failure"      }
  };
  static struct text line;
  size_t i;

  put(&line, name.at);
  put(&line, ": fatal: ");
  put(&line, what);
  put(&line, path);
  for (i = 0; i < sizeof texts / sizeof *texts; ++i)
    if (-error == texts[i].number) {
      put(&line, ": ");
      put(&line, texts[i].text);
    }
  put(&line, advice);
  put_character(&line, '\n');
  usys_bare(SYS_write, 2, (long)(intptr_t)line.at, (long)line.length, 0);
  for (;;)
    usys_bare(SYS_exit_group, EXIT_TEMPORARY, 0, 0, 0);
}

/* Python refuses to start on a directory, which nobody else cares about until it
 * is read: it lies above until the interpreter runs, as facts tell. */
static void put_directories_aside(void)
{
  long fd;

  for (fd = 0; fd < 3; ++fd) {
    static const char here[] = ".", null[] = "/dev/null";
    long error = usys_bare(SYS_faccessat, fd, (long)(intptr_t)here, 0, 0), aside, nothing;

    if (error == -ENOTDIR || error == -EBADF)
      continue;
    aside = usys_bare(SYS_fcntl, fd, F_DUPFD, 3, 0);
    nothing = usys_bare(SYS_openat, AT_FDCWD, (long)(intptr_t)null, O_RDWR, 0);
    if (aside < 0 || nothing < 0)
      return;
    usys_bare(SYS_dup3, nothing, fd, 0, 0);
    usys_bare(SYS_close, nothing, 0, 0, 0);
    put(&facts, ",d");
    put_number(&facts, (uint64_t)fd);
    put_character(&facts, ':');
    put_number(&facts, (uint64_t)aside);
  }
}

/* What is hard was meant so, and only root can change it. */
static __attribute__((noreturn)) void refuse(const char *what, uint64_t hard)
{
  static struct text line;

  put(&line, "the hard limit of the ");
  put(&line, what);
  put(&line, " is ");
  put_number(&line, hard);
  put(&line, " bytes, and a command that is run by Python needs " ENOUGH);
  fail(line.at, "", 0, "");
}

static void check_length(const struct text *path)
{
  if (path->is_cut)
    fail("unable to use ", path->at, -ENAMETOOLONG, "");
}

static const volatile char *put_baked(struct text *text, const volatile char *from)
{
  while (*from)
    put_character(text, *from++);
  return from + 1;
}

static long read_link(const char *path, char *to, size_t room)
{
  return usys_bare(SYS_readlinkat, AT_FDCWD, (long)(intptr_t)path, (long)(intptr_t)to, (long)room);
}

static long is_missing(const char *path)
{
  return usys_bare(SYS_faccessat, AT_FDCWD, (long)(intptr_t)path, 0, 0);
}

static int is_script(const char *path)
{
  long fd = usys_bare(SYS_openat, AT_FDCWD, (long)(intptr_t)path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
  char mark[2] = { 0, 0 };

  if (fd < 0)
    return 0;
  usys_bare(SYS_read, fd, (long)(intptr_t)mark, sizeof mark, 0);
  usys_bare(SYS_close, fd, 0, 0, 0);
  return mark[0] == '#' && mark[1] == '!';
}

/* Where there is no /proc: the path that the kernel was given, and its links. */
static void follow(const char *executed)
{
  static char target[TEXT_SIZE];
  int links = 0;
  long length;

  if (*executed != '/') {
    if (usys_bare(SYS_getcwd, (long)(intptr_t)target, sizeof target, 0, 0) < 0 || *target != '/')
      fail("unable to tell which file is executed", "", 0, "");
    put(&self, target);
    put_character(&self, '/');
  }
  put(&self, executed);
  while ((length = read_link(self.at, target, sizeof target - 1)) >= 0) {
    if (++links > MOST_LINKS)
      fail("unable to follow ", executed, -ELOOP, "");
    target[length] = 0;
    cut(&self, *target == '/' ? 0 : directory_length(&self) + 1);
    put(&self, target);
  }
  if (is_script(self.at)) /* whose interpreter we are: the kernel names the script */
    fail("unable to tell which file is executed", "", 0, "");
}

static void find_self(const char *executed)
{
  long length = read_link("/proc/self/exe", self.at, sizeof self.at - 1);

  if (length > 0 && *self.at == '/') {
    self.length = (size_t)length;
  } else {
    self.length = length > 0 ? (size_t)length : 0;
    cut(&self, 0);
    follow(executed);
  }
  if (*self.at != '/')
    fail("unable to tell which file is executed", "", 0, "");
  check_length(&self);
  put(&directory, self.at);
  cut(&directory, directory_length(&directory));
}

static void find_bootstrap(void)
{
#ifdef LAUNCH_PACKAGE
  long error;

  put(&bootstrap, LAUNCH_PACKAGE "/_begin.py");
  error = is_missing(bootstrap.at);
  if (error)
    fail("unable to read ", bootstrap.at, error, "");
#else
  /* Where pip puts packages, seen from where it puts commands. */
  static const char *const places[] = { "/../lib/" LAUNCH_LIBRARY "/site-packages",
                                        "/../lib64/" LAUNCH_LIBRARY "/site-packages",
                                        "/../lib/" LAUNCH_LIBRARY "/dist-packages",
                                        "/../local/lib/" LAUNCH_LIBRARY "/dist-packages",
                                        "/../lib/python3/dist-packages",
                                        "/.." };
  size_t i;
  long worst = -ENOENT;

  for (i = 0; i < sizeof places / sizeof *places; ++i) {
    long error;

    cut(&bootstrap, 0);
    put(&bootstrap, directory.at);
    put(&bootstrap, places[i]);
    put(&bootstrap, "/ucspi/_begin.py");
    check_length(&bootstrap);
    error = is_missing(bootstrap.at);
    if (!error)
      return;
    if (error != -ENOENT && error != -ENOTDIR)
      worst = error;
  }
  put(&directory, places[0]);
  put(&directory, "/ucspi");
  fail("unable to find my package, as in ", directory.at, worst,
       worst == -EACCES ? "; whoever runs ucspi must be able to read it" : "; install ucspi again");
#endif
}

static int is_ignored(int number)
{
  return usys_handler_of(number) == (uintptr_t)SIG_IGN;
}

static void look_at_signals(void)
{
  uint64_t wanted = (uint64_t)1 << (SIGINT - 1), before = 0;

  usys_bare(SYS_rt_sigprocmask, SIG_BLOCK, (long)(intptr_t)&wanted, (long)(intptr_t)&before, SIGNAL_SET_SIZE);
  if (before & wanted)
    put_character(&facts, 'i');
  if (is_ignored(SIGPIPE))
    put_character(&facts, 'p');
  if (is_ignored(SIGXFSZ))
    put_character(&facts, 'x');
}

/* Raise a soft limit by MORE, but not above enough, which it need not be, nor
 * above the hard one; note what was asked.  least: with less Python does not start. */
static void raise_limit(int resource, const char *what, uint64_t enough, uint64_t least)
{
  struct {
    uint64_t soft, hard;
  } limit; /* the kernel's; not every libc shows it */
  uint64_t asked;

  if (usys_bare(SYS_prlimit64, 0, resource, 0, (long)(intptr_t)&limit))
    return;
  asked = limit.soft;
  if (asked >= enough)
    return;
  limit.soft = enough - asked > MORE ? asked + MORE : enough;
  if (limit.soft > limit.hard)
    limit.soft = limit.hard;
  if (limit.soft < least)
    refuse(what, limit.hard);
  if (limit.soft == asked || usys_bare(SYS_prlimit64, 0, resource, (long)(intptr_t)&limit, 0))
    return;
  put_character(&facts, ',');
  put_number(&facts, (uint64_t)resource);
  put_character(&facts, ':');
  put_number(&facts, asked);
}

/* Nothing of Python locks memory, so that limit is good as it is. */
static void raise_limits(void)
{
  raise_limit(RLIMIT_AS, "address space (ulimit -Hv)", NO_LIMIT, LEAST_SPACE);
  raise_limit(RLIMIT_DATA, "data segment (ulimit -Hd)", NO_LIMIT, LEAST_DATA);
  raise_limit(RLIMIT_STACK, "stack (ulimit -Hs)", USUAL_STACK, LEAST_STACK);
}

/* A venv has its own interpreter, or none: that of the system lacks its packages. */
static int is_in_venv(void)
{
  static struct text path;

  put(&path, directory.at);
  put(&path, "/../pyvenv.cfg");
  return !path.is_cut && !is_missing(path.at);
}

static __attribute__((noreturn)) void execute(char *const *argv, char *const *environ)
{
  const char *places[] = { directory.at, "/usr/bin", "/usr/local/bin" };
  size_t i, count = is_in_venv() ? 1 : sizeof places / sizeof *places;
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
static __attribute__((noreturn)) void launch(char **argv, char *const *environ, const char *executed)
{
  static char comm[COMM_SIZE];
  /* In any locale, or in one whose charset Python does not have, bytes stay what they are. */
  static char isolated[] = "-I", without_site[] = "-S", utf8[] = "-Xutf8";

  put_baked(&module, put_baked(&name, baked));
  look_at_signals();
  find_self(executed);
  find_bootstrap();
  put_directories_aside();
  raise_limits();
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
