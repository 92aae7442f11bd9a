/* A stem: a process that was executed as `supervise` once, and forks a supervisor for each service.
 *
 * svscan asks by packets.  A supervisor is svscan's own child.  In the plain case (system/servicefiles.h)
 * it opens the directory, starts ./run and waits for the first event, all without a step of Python: so
 * it shares nearly all memory with the others.  Only then it goes on in Python.  Where the service asks
 * for more, Python does all of it.  In any other case it executes supervise, which does all that from
 * the beginning. */
#ifndef USYS_WARMSUPERVISOR_H
#define USYS_WARMSUPERVISOR_H

#include <stdint.h>

#include "system/command.h"
#include "system/servicefiles.h"
#include "system/startservice.h"

enum {
  USYS_SPARE = 4,      /* descriptors that are kept for the first event, when Python needs some */
  USYS_NAME_MAX = 255, /* bytes of a service's name */
  /* The first byte of a packet says which descriptors come with it, in this order. */
  USYS_HAS_PARENT = 1, /* the directory that the name is in; else it is our current one */
  USYS_HAS_INPUT = 2,
  USYS_HAS_OUTPUT = 4
};

/* What all supervisors of a stem have in common.  It and all that it points at stay as they are. */
struct usys_stem {
  int channel; /* a packet is flags, the name, a NUL, and the service's path in messages */
  int cell;    /* a file of 4 bytes in memory; the kernel puts the pid of each new supervisor there */
  struct usys_command program; /* supervise; its argv[1] is set by the child, and its complaint */
  const char *birth_begin;     /* of birth records, in front of the lock's mark */
  int spare[USYS_SPARE];
};

#define USYS_SUPERVISE "supervise"

/* What a supervisor has done until its first event.  It stays where it is as long as the process
 * lives, and is not in static memory. */
struct usys_warm {
  char shown[sizeof USYS_SUPERVISE + USYS_NAME_MAX + 1]; /* the command line that the kernel shows */
  char name[USYS_NAME_MAX + 1];
  struct usys_service service;
  int pid;                 /* of ./run; 0: it is not wanted, or could not be started */
  int64_t started;         /* when, in nanoseconds of the steady clock */
  struct usys_start start; /* its command is ./run; the rest is set by the child */
};

/* Serve until the channel ends, or does not do what it should.
 *
 * Returns 1 then; 0 in a supervisor at its first event, or right after it has started where that
 * cannot be waited for; -1: this system cannot do it, nothing was done.  If the service of a
 * supervisor asks for more than the plain case, only its name is there. */
int usys_serve_stem(struct usys_stem *stem, struct usys_warm *warm);

#endif
