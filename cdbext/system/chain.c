/* The child's part of a chain.  It shares the server's memory until the exec: see
 * system/handlerchild.c. */
#include "system/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "system/baresyscall.h"
#include "system/beforeexec.h"
#include "system/variablefiles.h"
#include "system/variables.h"

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
    long error = usys_bare(SYS_prlimit64, 0, limit->resource, 0,
                           (long)(intptr_t)&before->limits[limit->resource]);

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

/* Whether a step that changes ids leaves our memory out of reach for others of these ids.
 *
 * We share it with the server, and a change of ids has the kernel set for it what
 * /proc/sys/fs/suid_dumpable says: 1 would let them trace us, 2 have a core of it
 * written for them.  0 keeps it as usys_forbid_dumps left it. */
static int is_out_of_reach(void)
{
  char text[2] = { 0, 0 };
  long fd, length = 0;

  if (usys_bare(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0))
    return 0;
  fd = usys_bare(SYS_openat, AT_FDCWD, (long)(intptr_t)"/proc/sys/fs/suid_dumpable", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0)
    return 0;
  length = usys_bare(SYS_read, fd, (long)(intptr_t)text, sizeof text, 0);
  usys_bare(SYS_close, fd, 0, 0, 0);
  return length == 2 && text[0] == '0' && text[1] == '\n';
}

/* Whether capabilities that outlive the change (securebits, ambient ones) bring root back. */
static int can_root_come_back(const struct usys_step *step)
{
  unsigned real = 0, effective = 0, saved = 0;

  if (!step->uid)
    return 0;
  if (usys_bare(SYS_getresuid, (long)(intptr_t)&real, (long)(intptr_t)&effective, (long)(intptr_t)&saved, 0))
    return 1;
  return !real || !effective || !saved || !usys_bare(SYS_setuid, 0, 0, 0, 0) ||
      (step->gid && !usys_bare(SYS_setgid, 0, 0, 0, 0));
}

static int change_ids(const struct usys_step *step, const char **complaint)
{
  long error = usys_bare(SYS_setgroups, 1, (long)(intptr_t)&step->gid, 0, 0);

  if (!error)
    error = usys_bare(SYS_setgid, (long)step->gid, 0, 0, 0);
  if (error) {
    *complaint = step->no_group;
    return (int)-error;
  }
  error = usys_bare(SYS_setuid, (long)step->uid, 0, 0, 0);
  if (!error && can_root_come_back(step))
    error = -EPERM;
  if (error)
    *complaint = step->no_user;
  return (int)-error;
}

/* Make the changes that were read; return whether one decides how links are found and run. */
static int change_variables(char **environ, const struct usys_changes *changes)
{
  const char *change, *end = changes->at + changes->length;
  int has_a_say = 0;

  for (change = changes->at; change < end; change += strlen(change) + 1) {
    usys_change_variable(environ, change);
    has_a_say |= usys_has_a_say(change);
  }
  return has_a_say;
}

/* Take the lock that nobody holds; else leave nothing open. */
static int take_lock(const char *path)
{
  long fd = usys_bare(SYS_openat, AT_FDCWD, (long)(intptr_t)path,
                      O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);

  if (fd < 0)
    return -1;
  if (!usys_bare(SYS_flock, fd, LOCK_EX | LOCK_NB, 0, 0))
    return (int)usys_bare(SYS_fcntl, fd, F_SETFD, 0, 0);
  usys_bare(SYS_close, fd, 0, 0, 0);
  return -1;
}

/* How a chain is gone through. */
struct walk {
  struct usys_room *room;
  const char **complaint;
  struct before before;        /* of the last step */
  struct usys_changes changes; /* of the last step */
  int is_over;                 /* what follows is executed, link or not */
};

static int take_step(const struct usys_step *step, struct walk *walk)
{
  const char *const *variable;

  walk->before.changed = 0;
  switch (step->kind) {
    case USYS_SESSION:
      usys_bare(SYS_setsid, 0, 0, 0, 0); /* fails for the leader of a process group, which is as good */
      return 0;
    case USYS_LIMITS: return set_limits(step, &walk->before);
    case USYS_VARIABLES:
      for (variable = step->variables; *variable; ++variable)
        usys_change_variable(walk->room->environ, *variable);
      return 0;
    case USYS_IDS: return change_ids(step, walk->complaint);
    case USYS_DIRECTORY:
      walk->is_over = change_variables(walk->room->environ, &walk->changes);
      walk->room->spare += walk->changes.length;
      walk->room->spare_length -= walk->changes.length;
      return 0;
    case USYS_CLIENT: return usys_become_client(step->client, &step->next, walk->room, walk->complaint);
    default: return 0;
  }
}

/* Whether a link must be executed after all. */
static int is_executed(const struct usys_step *step, struct walk *walk)
{
  struct usys_changes *changes = &walk->changes;

  if (step->own && usys_bare(SYS_faccessat, AT_FDCWD, (long)(intptr_t)step->own, X_OK, 0))
    return 1;
  switch (step->kind) {
    case USYS_IDS: return !is_out_of_reach();
    case USYS_LOCK: return take_lock(step->path) != 0;
    case USYS_LISTS: return !usys_passes(step->lists, walk->room->environ);
    case USYS_CLIENT: return !usys_may_be_client(step->client, walk->room);
    case USYS_RELAY: return !usys_has_connection();
    case USYS_DIRECTORY:
      changes->at = walk->room->spare;
      changes->room = walk->room->spare_length;
      changes->length = changes->count = 0;
      changes->most_count = USYS_CHANGES;
      return usys_read_variables(step->path, changes) != 0;
    default: return 0;
  }
}

void usys_forbid_dumps(void)
{
  usys_bare(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0);
}

/* Let the mover do what a link does, if it is its work.  Returns 0, or an errno: then the link is executed. */
static int start_mover(const struct usys_step *step, const struct usys_command *link, struct usys_room *room)
{
  switch (step->kind) {
    case USYS_COPIER:
      usys_close_private(step->mover.file, -1); /* we stand still until the mover has executed */
      return usys_start_copier(&step->mover, link, room->environ, &room->copier_busy);
    case USYS_FILTER:
    case USYS_RELAY: return usys_become_filter(&step->mover, link, room->environ);
    default: return 0;
  }
}

int usys_run_chain(const struct usys_chain *chain, struct usys_room *room, const char **complaint)
{
  const struct usys_command *command = chain->first;
  const char *after_ids = NULL;
  struct walk walk = { .room = room, .complaint = complaint };
  int error = 0;
  size_t i;

  if (chain->inherited)
    usys_close_others(chain->inherited);
  for (i = 0; i < chain->step_count && !error && !walk.is_over && !is_executed(&chain->steps[i], &walk);
       ++i) {
    if (start_mover(&chain->steps[i], command, room))
      break;
    command = &chain->steps[i].next;
    *complaint = command->complaint;
    error = take_step(&chain->steps[i], &walk);
    if (chain->steps[i].kind == USYS_IDS)
      after_ids = *complaint;
  }
  if (!error) {
    error = usys_execute(command, room->environ);
    if (error == EAGAIN && after_ids) /* of too many processes the first exec behind the ids complains */
      *complaint = after_ids;
  }
  undo_limits(&walk.before);
  return error;
}
