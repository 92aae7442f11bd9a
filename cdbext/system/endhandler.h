/* The end of a handler that does not end by itself. */
#ifndef USYS_ENDHANDLER_H
#define USYS_ENDHANDLER_H

#include "system/connectionidentity.h"

/* Shut a connection down both ways, if descriptor 0 or 1 of a process is that one, and
 * kill the process.  So those who have a copy of the connection find its end.
 *
 *   process  a descriptor of it (pidfd_open)
 *   cookie   that of the connection; see usys_identify
 *
 * Linux 5.6, and a process that we may trace; without these it is killed all the same.
 * The call may hang, while the process executes something and a file that it has open hangs,
 * or when we are the last to close a connection that lingers.  Returns 0 if the
 * connection was shut down, else an errno. */
int usys_end_handler(int process, const unsigned char *cookie);

#endif
