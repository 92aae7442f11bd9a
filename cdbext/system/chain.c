/* The child's part of a chain.  It shares the server's memory until the exec: see
 * system/handlerchild.c. */
#include "system/chain.h"

#include <errno.h>

#include "system/baresyscall.h"
#include "system/beforeexec.h"

enum { RESOURCES = 16 };

/* The limits that a step has changed, as they were. */
struct before {
  struct {
    uint64_t soft, hard;
  } limits[RESOURCES];
  unsigned changed; /* bit n: that of resource n */
};

static int set_limit(const struct usys_limit *limit, struct before *before)
{
  unsigned bit = 1u << limit->resource;

  if (!(before->changed & bit)) {
    long error = usys_bare(SYS_prlimit64, 0, limit->resource, 0, (long)(intptr_t)&before->limits[limit->resource]);

    if (error)
      return (int)-error;
    before->changed |= bit;
  }
  return usys_set_soft_limit(limit->resource, limit->soft);
}

static int set_limits(const struct usys_step *step, struct before *before)
{
  int error = 0;
  size_t i;

  for (i = 0; i < step->limit_count && !error; ++i)
    error = set_limit(&step->limits[i], before);
  return error;
}

/* The complaint shall not be what exceeds a limit. */
static void undo_limits(const struct before *before)
{
  int i;

  for (i = 0; i < RESOURCES; ++i)
    if (before->changed >> i & 1)
      usys_bare(SYS_prlimit64, 0, i, (long)(intptr_t)&before->limits[i], 0);
}

static int take_step(const struct usys_step *step, struct before *before)
{
  before->changed = 0;
  switch (step->kind) {
    case USYS_SESSION:
      usys_bare(SYS_setsid, 0, 0, 0, 0); /* fails for the leader of a process group, which is as good */
      return 0;
    case USYS_LIMITS: return set_limits(step, before);
    default: return 0;
  }
}

int usys_run_chain(const struct usys_chain *chain, char *const *environ, const struct usys_command **failed)
{
  struct before before;
  int error = 0;
  size_t i;

  for (i = 0; i < chain->step_count && !error; ++i) {
    *failed = &chain->steps[i].next;
    error = take_step(&chain->steps[i], &before);
  }
  if (!error)
    error = usys_execute(*failed, environ);
  undo_limits(&before);
  return error;
}
