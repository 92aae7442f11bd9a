/* A fork whose child belongs to our parent: it is reaped there, and the pid is known there at once. */
#ifndef USYS_FORKSIBLING_H
#define USYS_FORKSIBLING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What libc and the kernel keep of the calling thread. */
struct usys_thread {
  pid_t *id;    /* where libc has its id */
  void *robust; /* its list of robust mutexes; NULL: none */
  size_t robust_size;
};

/* Ask the kernel for it.  Returns 0, or the errno: this system has no such fork. */
int usys_find_thread(struct usys_thread *thread);

/* Fork a process of one thread.  The kernel writes the pid into the cell before the child
 * runs, so whoever shares the cell knows of each child.
 *
 * Returns the pid, 0 in the child, or -errno.  libc's own steps around a fork are not taken;
 * nothing of libc may be locked. */
long usys_fork_sibling(const struct usys_thread *thread, int32_t *cell);

#endif
