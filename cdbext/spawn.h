/* Starting a handler without forking the interpreter. */
#ifndef USYS_SPAWN_H
#define USYS_SPAWN_H

#include <signal.h>
#include <stddef.h>

/* What every handler of a server has in common.  The caller owns all of it and
 * keeps it unchanged while any call runs. */
struct usys_program {
  char *const *paths;        /* files to try, in order; NULL ends */
  char *const *argv;         /* NULL ends */
  char *const *environ;      /* the inherited environment; NULL ends */
  const char *const *errors; /* text of each errno, error_count of them */
  int error_count;
  const char *complaint;     /* begins the line for a failed exec; NULL: silent */
  sigset_t mask;             /* the handler's signal mask */
};

/* Take the caller's signal mask, less SIGCHLD, for the handlers. */
void usys_capture_mask(struct usys_program *program);

/* Start one handler on a connection.
 *
 * variables: NAME=VALUE strings, each ended by a NUL; each name once; they
 *   replace inherited variables of the same name.
 * log: written to descriptor 2 by the new process before it executes, in one
 *   write; each NUL in it becomes the new process's pid.
 *
 * The call owns the connection: it is closed in the parent, whatever happens.
 * Returns the pid, or -errno when there is no new process.  Blocks until the
 * handler is executed; call it without the GIL, with every signal blocked. */
int usys_spawn(const struct usys_program *program, int connection,
               const char *variables, size_t variables_length,
               const char *log, size_t log_length);

#endif
