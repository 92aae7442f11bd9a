/* Threads that do nothing but spawn, so that whoever orders never waits. */
#ifndef USYS_SPAWNPOOL_H
#define USYS_SPAWNPOOL_H

#include <stddef.h>

#include "spawn.h"

struct usys_pool;

/* Start a pool of threads, every signal blocked in them.
 *
 * program: what to run, unchanged for the life of the process, as is the pool.
 * wakeup: a non-blocking descriptor; a byte is written to it when a spawn
 *   failed, and after any spawn while the last collect asked for it.
 *
 * Returns NULL with errno set when there is no memory or not one thread. */
struct usys_pool *usys_pool_start(const struct usys_program *program, int threads, int wakeup);

/* Order a handler on a connection, which the pool owns from here on; see
 * usys_spawn.  The strings are copied.  Returns 0, or -errno without memory:
 * then the connection is closed and nothing was ordered. */
int usys_pool_order(struct usys_pool *pool, int connection,
                    const char *variables, size_t variables_length,
                    const char *log, size_t log_length);

/* Take up to `most` results, in the order of their end: pids, or -errno.
 * `wake`: whether every result that comes later shall wake the caller. */
int usys_pool_collect(struct usys_pool *pool, int *results, int most, int wake);

#endif
