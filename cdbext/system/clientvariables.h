/* The variables that a program gets of a connection that was made for it: those of tcp/environment.py. */
#ifndef USYS_CLIENTVARIABLES_H
#define USYS_CLIENTVARIABLES_H

#include "system/connectserver.h"
#include "system/variables.h"

enum {
  USYS_CLIENT_VARIABLES = 13, /* at most */
  USYS_CLIENT_SPARE = 512     /* bytes of these, but for names that were given */
};

/* Both replace the variables of the connection that is the program's no more: theirs stand
 * behind those that stay.
 *
 * room: has place for USYS_CLIENT_VARIABLES. */

/* local_host: the name of our own address, as it was given.
 * ends: ours and the server's.
 * texts: their addresses as text.
 *
 * Takes up to USYS_CLIENT_SPARE bytes, and two for each of local_host. */
void usys_put_client_variables(const char *local_host, const struct usys_peer ends[2],
                               const char *const texts[2], struct usys_room *room);

/* fd: is connected to a path.  Takes up to USYS_CLIENT_SPARE bytes. */
void usys_put_path_variables(const char *path, long fd, struct usys_room *room);

#endif
