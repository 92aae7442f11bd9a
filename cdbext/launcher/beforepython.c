#include "launcher/beforepython.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "launcher/fail.h"
#include "system/baresyscall.h"

#define MEGABYTES(count) ((uint64_t)(count) << 20)
static const uint64_t NO_LIMIT = (uint64_t)-1;
static const uint64_t MORE = MEGABYTES(64); /* what an interpreter may take on top of what was asked */
static const uint64_t USUAL_STACK = MEGABYTES(8);
/* With less than this Python does not start; with ENOUGH every command does its work. */
static const uint64_t LEAST_SPACE = 16000000, LEAST_DATA = 8000000, LEAST_STACK = 262144;
#define ENOUGH "32000000"

void put_directories_aside(struct text *facts)
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
    put(facts, ",d");
    put_number(facts, (uint64_t)fd);
    put_character(facts, ':');
    put_number(facts, (uint64_t)aside);
  }
}

static int is_ignored(int number)
{
  return usys_handler_of(number) == (uintptr_t)SIG_IGN;
}

void look_at_signals(struct text *facts)
{
  uint64_t wanted = (uint64_t)1 << (SIGINT - 1), before = 0;

  usys_bare(SYS_rt_sigprocmask, SIG_BLOCK, (long)(intptr_t)&wanted, (long)(intptr_t)&before, SIGNAL_SET_SIZE);
  if (before & wanted)
    put_character(facts, 'i');
  if (is_ignored(SIGPIPE))
    put_character(facts, 'p');
  if (is_ignored(SIGXFSZ))
    put_character(facts, 'x');
}

/* What is hard was meant so, and only root can change it. */
static _Noreturn void refuse(const char *what, uint64_t hard)
{
  static struct text line;

  put(&line, "the hard limit of the ");
  put(&line, what);
  put(&line, " is ");
  put_number(&line, hard);
  put(&line, " bytes, and a command that is run by Python needs " ENOUGH);
  fail(line.at, "", 0, "");
}

/* Raise a soft limit by MORE, but not above enough, which it need not be, nor
 * above the hard one; note what was asked.  least: with less Python does not start. */
static void raise_limit(struct text *facts, int resource, const char *what, uint64_t enough, uint64_t least)
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
  put_character(facts, ',');
  put_number(facts, (uint64_t)resource);
  put_character(facts, ':');
  put_number(facts, asked);
}

void raise_limits(struct text *facts)
{
  raise_limit(facts, RLIMIT_AS, "address space (ulimit -Hv)", NO_LIMIT, LEAST_SPACE);
  raise_limit(facts, RLIMIT_DATA, "data segment (ulimit -Hd)", NO_LIMIT, LEAST_DATA);
  raise_limit(facts, RLIMIT_STACK, "stack (ulimit -Hs)", USUAL_STACK, LEAST_STACK);
}
