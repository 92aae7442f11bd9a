/* Starting a handler without forking the interpreter, and without waiting. */
#ifndef USYS_SPAWNHANDLER_H
#define USYS_SPAWNHANDLER_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "system/command.h"

struct usys_chain;
struct usys_slot;

/* oom_score_adj, where the server has lowered its own (ucspi/unix/oom.py). */
struct usys_score {
  const char *given; /* what a handler gets */
  const char *own;   /* what the server has */
  int file;          /* the server's, open for writing */
  int is_taken;      /* a child may write its own; else it has to inherit it */
};

/* What every handler of a server has in common.  The caller owns the strings
 * and keeps all of it unchanged for the life of the process. */
struct usys_program {
  struct usys_command command; /* its environment is what a handler inherits */
  const char *pid_variable;    /* "NAME=": a variable without a value that gets the handler's pid, or NULL */
  struct usys_score score;
  const struct usys_chain *chain; /* how the command is run without executing it; NULL: there is no such way.
                                   It may be replaced by another, which leaves this one to the children */
  int chain_state;                /* enum usys_chain_state, of the last client; set by the call */
  const int *listeners;           /* what a child closes first of all; -1 ends.  NULL: none */
  sigset_t mask;                  /* the handler's signal mask */
  uint64_t caught;                /* bit n - 1: signal n is caught, and at its default in the handler */
  struct usys_slot *slots;        /* memory of children that are or were preparing */
};

enum { USYS_SIGNALS = 64 };

/* Take the caller's signal mask, less SIGCHLD, for the handlers, and which signals are caught. */
void usys_capture_signals(struct usys_program *program);

/* Start one handler on a connection.
 *
 * variables: NAME=VALUE strings, each ended by a NUL; each name once; they
 *   replace inherited variables of the same name.  Copied.
 * log: written to descriptor 2 by the new process before it executes, in one
 *   write; each NUL in it becomes the new process's pid.  Copied.
 *
 * keeps_score: the handler gets the score that was given while the server's stays
 *   low, and nobody takes the child for a part of the server that is as easily
 *   killed.  That takes longer.
 *
 * output: descriptor 1, where it is not the connection; else -1.  Not 0.
 *
 * The call owns the connection and the output: both are closed in the parent, whatever happens.
 * Returns the pid, or -errno when there is no new process.  Does not wait for
 * the exec.  Before it writes the child closes the listeners, and all that is
 * close-on-exec where descriptor 2 has no room.  Call it from one thread at a time. */
int usys_spawn(struct usys_program *program, int connection, int output, const char *variables,
               size_t variables_length, const char *log, size_t log_length, int keeps_score);

/* Whether a child has not executed yet, and so shares our memory. */
int usys_is_preparing(const struct usys_program *program);

#endif
