/* Beginning to write a file to the disk before it is forced there. */
#ifndef USYS_EARLYWRITEOUT_H
#define USYS_EARLYWRITEOUT_H

#include <stdint.h>

/* Ask the system to begin writing length bytes from offset on, and wait for
 * none of it: a later fsync then has less to wait for.  A mere hint: failure is
 * not told, and where the system has no such call nothing happens. */
void usys_flush(int fd, uint64_t offset, uint64_t length);

#endif
