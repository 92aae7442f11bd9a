/* A command line of commands that only change the process before they execute the
 * next one: the child of a server takes these steps itself, and executes what follows.
 *
 * Whatever is in doubt is executed, which is always right: a chain is only used while
 * all is as it was when it was read (usys_judge_chain). */
#ifndef USYS_CHAIN_H
#define USYS_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "system/command.h"
#include "system/fileglance.h"

enum usys_step_kind {
  USYS_RENAME,  /* argv0: only the next command line is another */
  USYS_SESSION, /* pgrphack: a new session */
  USYS_LIMITS   /* softlimit: soft limits, in order */
};

struct usys_step {
  int kind;                        /* enum usys_step_kind */
  const struct usys_limit *limits; /* UINT64_MAX is the hard limit */
  size_t limit_count;
  struct usys_command next; /* what this link runs, with its complaint; the environment is not used */
};

/* A path as it was when the chain was read. */
struct usys_seen {
  const char *path;
  int error;                   /* the errno of looking at it; 0: there was a file */
  struct usys_glimpse glimpse; /* of that file */
};

struct usys_chain {
  const struct usys_step *steps; /* at least one */
  size_t step_count;
  const struct usys_seen *seen; /* what decided how the chain was read */
  size_t seen_count;
};

enum usys_chain_state {
  USYS_COLD,   /* execute the links, for this client */
  USYS_WARM,   /* take the steps */
  USYS_CHANGED /* execute the links, and read the chain again */
};

/* Say what to do for a client, in the server, without waiting for a disk.
 * variables: the client's, each ended by a NUL.  One that would have a say in how
 * a link runs, or is found, makes the links be executed. */
int usys_judge_chain(const struct usys_chain *chain, const char *variables, const char *end);

/* Take the steps and execute what follows, in the child: bare system calls only.
 * The signals are those of the command by now, for a step may wait.
 *
 * Returns only when a step failed or nothing could be executed: the errno to
 * report, and in *failed the command whose complaint begins the line. */
int usys_run_chain(const struct usys_chain *chain, char *const *environ, const struct usys_command **failed);

#endif
