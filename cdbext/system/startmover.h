/* The steps of a chain that move bytes, by the mover (mover/mover.c): recordio and
 * fixcrio start it as a child, addcr and delcr are replaced by it. */
#ifndef USYS_STARTMOVER_H
#define USYS_STARTMOVER_H

#include <sys/types.h>

#include "system/command.h"

struct usys_mover {
  int file;          /* the program, close-on-exec */
  const char *order; /* what it is to do: its first word */
};

/* Both are for the child of a server: bare system calls only.
 *
 * mover: what to start.
 * link: the command that a cold start would execute: the mover shows its command line
 *   and its name.
 * environ: the environment so far; there is room for one pointer behind its NULL.
 *
 * When they return an errno all is as it was, but for the descriptors that an exec
 * closes, and the link is to be executed. */

/* Make two pipes and start the mover as a child of ours, between our descriptors 0
 * and 1 and the pipes, as the original's program has a copier that is its child.
 *
 * busy: not 0 while it uses our memory; the kernel clears it.
 *
 * Returns 0 with the pipes on descriptors 0 and 1, or an errno. */
int usys_start_copier(const struct usys_mover *mover, const struct usys_command *link, char **environ,
                      pid_t *busy);

/* Execute the mover in our place.  Returns only with an errno. */
int usys_become_filter(const struct usys_mover *mover, const struct usys_command *link, char **environ);

#endif
