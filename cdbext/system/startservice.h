/* Starting a program of which nothing is known beforehand, and waiting for its exec, or for a moment. */
#ifndef USYS_STARTSERVICE_H
#define USYS_STARTSERVICE_H

#include <signal.h>
#include <stddef.h>

#include "system/command.h"

enum { USYS_START_STACK = 16384 };

/* It, and all that it points at, may be freed when the call has returned and
 * busy is 0.  Descriptors are -1 for
 * none; one below 3 is put only onto itself. */
struct usys_start {
  struct usys_command command; /* its complaint is lost where a pipe is full */
  int directory;               /* becomes the current one */
  int input;                   /* put on 0 */
  int output;                  /* put on 1 */
  const int *others;           /* more descriptors, each followed by what it is put on, above 2; -1 ends.
                                None is what another is put on.  NULL: none */
  const char *score;           /* its oom_score_adj, ours too if we do not stand still; NULL: ours */
  unsigned long open_files;    /* the soft limit of open files; 0: inherited */
  int birth;                   /* what the child writes its birth to */
  const char *birth_head;      /* what that begins with, at most USYS_BIRTH_HEAD bytes */
  const char *record;          /* what the child publishes with its pid in it; at most USYS_RECORD bytes */
  size_t record_length;
  size_t record_pid;       /* where its pid goes: 4 bytes, little-endian */
  int record_folder;       /* the directory of the next two; -1: the child's */
  const char *record_new;  /* the file it is written into, which must be new.  NULL: nothing is published */
  const char *record_name; /* and what that is renamed to */
  const int *kept;         /* the only descriptors above 2 that the child does not close at once, in order:
                                all that are named here, and those it inherits; -1 ends.  NULL: all */
  char *own_pid;           /* within the command's environment: room for the child's pid, filled with zeros.
                              NULL: nowhere */
  int is_leader;           /* not 0: it leads a session and a process group of its own */
  int patience;            /* milliseconds to wait for the exec; negative: as long as it takes */
  int is_published;        /* set by the call, or by the child before it ends to be busy */
  int busy;                /* not 0: the child is late, and still uses all this */
  sigset_t mask;           /* the rest is the call's own */
  _Alignas(16) char stack[USYS_START_STACK];
};

enum { USYS_BIRTH_HEAD = 96, USYS_BIRTH_TAIL = 42, USYS_RECORD = 64 };

/* Start the program.  Returns the pid, or -errno when there is no new process.
 *
 * The child has the caller's signal mask less SIGCHLD; the actions of SIGCHLD,
 * of SIGPIPE and SIGXFSZ if not among the ignored, and of all that are caught are
 * the default ones.
 *
 * Before it executes the child publishes the record, which others see before we
 * have waited for the exec, and then writes one line to birth: birth_head, its
 * pid, and its start time in the kernel's ticks, the two padded with spaces to
 * USYS_BIRTH_TAIL bytes with the newline.  It executes also when that fails.  No other thread
 * is held up. */
int usys_start(struct usys_start *start);

#endif
