/* A child that prepares to become a handler, and the memory it has until then. */
#ifndef USYS_HANDLERCHILD_H
#define USYS_HANDLERCHILD_H

#include <stddef.h>
#include <sys/types.h>

#include "numbers/decimal.h"
#include "system/chain.h"
#include "system/spawnhandler.h"

enum {
  STACK_SIZE = 16384, /* the child's deepest frames are a few kilobytes */
  WAITER_STACK_SIZE = 4096,
  PID_NAME_MAX = 40 /* bytes of a variable's name and its equals sign */
};

struct usys_slot {
  _Alignas(16) char stack[STACK_SIZE];
  _Alignas(16) char waiter_stack[WAITER_STACK_SIZE];
  struct usys_slot *next;
  pid_t busy; /* cleared by the kernel when the child, or its waiter, has left our memory */
  int pid;    /* of a waiter's child, or -errno; 0: not known yet */
  int takes_score;
  int may_go_on; /* the server has lowered its score again */
  int connection;
  int output;                     /* descriptor 1, where it is not the connection; else -1 */
  const struct usys_chain *chain; /* whose steps the child takes itself, or NULL */
  const struct usys_program *program;
  size_t capacity;       /* bytes at texts */
  char *texts;           /* the environment's pointers, the variables, the log */
  struct usys_room room; /* of the environment and for the steps */
  const char *log;
  size_t log_length;
  char **pid_entry; /* the variable that gets the child's pid, or NULL */
  char pid_text[PID_NAME_MAX + DECIMAL_MAX + 1];
};

/* Start the child of a slot that is filled and not busy; see usys_spawn.  Returns the pid, or -errno. */
int usys_begin(struct usys_slot *slot, int keeps_score);

#endif
