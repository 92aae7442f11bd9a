/* Reading from descriptors, and writing all of something to them, by bare system calls.
 *
 * Another process that shares a descriptor may have made it non-blocking, and
 * the flag stays as it is: then we wait.  Results are those of the kernel:
 * -errno where a call failed. */
#ifndef MOVER_DESCRIPTORS_H
#define MOVER_DESCRIPTORS_H

#include <poll.h>
#include <stddef.h>

enum kind { KIND_OTHER, KIND_REGULAR, KIND_SOCKET };

/* What a descriptor is; KIND_OTHER also where it is not open. */
enum kind kind_of(int fd);

/* Wait until one of some descriptors is ready; `revents` says which.  Returns 0, or -errno. */
long wait_for_any(struct pollfd *polled, size_t count);

/* Return whether a descriptor can be read at once, if only its end or an error. */
int is_readable(int fd);

/* Read what is there; -EAGAIN where there is nothing yet. */
long read_now(int fd, char *to, size_t room);

/* Read what is there; wait while there is nothing. */
long read_some(int fd, char *to, size_t room);

/* Write as much as the descriptor takes. */
long write_now(int fd, const char *from, size_t length);

/* Write as much as a socket takes without blocking, and without a SIGPIPE. */
long send_now(int fd, const char *from, size_t length);

/* Write all, in one write if the system takes it.  Returns 0, or -errno when a part of it was not written. */
long write_all(int fd, const char *from, size_t length);

void close_one(int fd);

/* Tell the reader behind a descriptor that no more will come: of a socket only this direction ends. */
void end_output(int fd, enum kind kind);

/* Make reads and writes of a descriptor fail with -EAGAIN instead of waiting, or wait again. */
void stop_blocking(int fd);
void block_again(int fd);

/* Whether reads and writes of a descriptor wait. */
int is_blocking(int fd);

#endif
