/* Connecting to a UNIX-domain socket, as tcp/client.py does. */
#ifndef USYS_CONNECTPATH_H
#define USYS_CONNECTPATH_H

#include "system/connectserver.h"

/* Connect, in the child of a server: bare system calls only.
 *
 * path: at most USYS_PATH_MAX bytes, and at least one.
 * target: its first place has what begins the line about a failure; of the patience the first counts.
 *
 * Returns, and gives, what usys_connect does. */
long usys_connect_path(const char *path, const struct usys_target *target, const struct usys_command *texts,
                       const char **complaint);

enum { USYS_PATH_MAX = 107 };

#endif
