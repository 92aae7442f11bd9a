/* A command line of commands that only change the process before they execute the
 * next one: the child of a server takes these steps itself, and executes what follows.
 *
 * Whatever is in doubt is executed, which is always right: a chain is only used while
 * all is as it was when it was read (usys_judge_chain). */
#ifndef USYS_CHAIN_H
#define USYS_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "system/asklists.h"
#include "system/becomeclient.h"
#include "system/command.h"
#include "system/fileglance.h"
#include "system/startmover.h"
#include "system/variables.h"

enum usys_step_kind {
  USYS_RENAME,    /* argv0: only the next command line is another */
  USYS_SESSION,   /* pgrphack: a new session */
  USYS_LIMITS,    /* softlimit: soft limits, in order */
  USYS_VARIABLES, /* envuidgid: changes of the environment, in order */
  USYS_IDS,       /* setuidgid: group and user, for good */
  USYS_DIRECTORY, /* envdir: changes of the environment that are read then */
  USYS_LOCK,      /* setlock: a lock on a descriptor that the program inherits */
  USYS_COPIER,    /* recordio, fixcrio: a child stands between the program and its descriptors 0 and 1 */
  USYS_LISTS,     /* rblsmtpd: goes on where no block list has the client */
  USYS_CLIENT,    /* tcpclient: a connection to a server, on descriptors 6 and 7 */
  USYS_FILTER,    /* addcr, delcr: nothing follows */
  USYS_RELAY      /* proxyio: nothing follows, where tcpclient was before */
};

struct usys_step {
  int kind;                        /* enum usys_step_kind */
  const struct usys_limit *limits; /* UINT64_MAX is the hard limit */
  size_t limit_count;
  const char *const *variables; /* NAME=VALUE: takes out the first variable of that name, whose place the last
                                   one gets, and goes to the end, as daemontools leaves them.  NULL ends */
  const char *path;             /* USYS_DIRECTORY, USYS_LOCK */
  unsigned uid, gid;
  const char *no_group, *no_user; /* complaints where these cannot be had */
  const char *own; /* the link's file, where it is run with other ids than the server's: it is executed
                      unless they may do that.  NULL: nothing to ask.  Never of the first step */
  struct usys_mover mover;
  struct usys_lists *lists;              /* USYS_LISTS */
  const struct usys_client_step *client; /* USYS_CLIENT */
  struct usys_command next; /* what this link runs, with its complaint; the environment is not used */
};

/* A path as it was when the chain was read. */
struct usys_seen {
  const char *path;
  int error;                   /* the errno of looking at it; 0: there was a file */
  struct usys_glimpse glimpse; /* of that file */
};

struct usys_chain {
  const struct usys_command *first; /* the first link */
  const struct usys_step *steps;    /* at least one */
  size_t step_count;
  size_t variable_count; /* of all steps, at most */
  size_t spare;          /* bytes that steps need for what they read */
  const int
      *inherited; /* where a step may wait: the only descriptors above 2 that are kept open meanwhile, in
                            order, all that an exec would leave open; -1 ends.  NULL: no step waits */
  const struct usys_seen *seen; /* what decided how the chain was read */
  size_t seen_count;
};

enum usys_chain_state {
  USYS_COLD,   /* execute the links, for this client */
  USYS_WARM,   /* take the steps */
  USYS_CHANGED /* execute the links, and read the chain again */
};

enum { USYS_CHANGES = 256 }; /* variables of one directory; one with more is read by envdir itself */

/* Whether a variable, given or unset, decides how links are found and run. */
int usys_has_a_say(const char *variable);

/* Say what to do for a client, in the server, without waiting for a disk.
 * variables: the client's, each ended by a NUL.  One that would have a say in how
 * a link runs, or is found, makes the links be executed. */
int usys_judge_chain(const struct usys_chain *chain, const char *variables, const char *end);

/* The same for a process that has executed the whole command line before, and waits for
 * connections; the steps are not looked at. */
int usys_judge_stem(const struct usys_chain *chain, const char *variables, size_t length);

/* Have this process, and what shares its memory, leave no core and be out of reach for
 * other processes of the ids that a child changes to.  Never undone. */
void usys_forbid_dumps(void);

/* Take the steps and execute what follows, in the child: bare system calls only.
 * The signals are those of the command by now, for a step may wait.
 *
 * A step that fails, or would have to wait for a lock, is left to its link, which is
 * executed.
 *
 * Returns only when a step failed or nothing could be executed: the errno to
 * report, and in *complaint what begins the line. */
int usys_run_chain(const struct usys_chain *chain, struct usys_room *room, const char **complaint);

#endif
