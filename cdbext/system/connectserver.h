/* Connecting to a server whose addresses are known, as tcp/client.py does. */
#ifndef USYS_CONNECTSERVER_H
#define USYS_CONNECTSERVER_H

#include <stddef.h>

#include "system/addresstext.h"
#include "system/command.h"

enum { USYS_PLACES_MAX = 64 };

struct usys_place {
  unsigned char ip[16];
  size_t length;      /* of the address: 4, or 16 of IPv6 */
  const char *failed; /* begins the line that it cannot be connected to */
};

struct usys_target {
  const struct usys_place *places; /* in the order to try them, all of the family of `local` */
  size_t count;                    /* from 1 to USYS_PLACES_MAX */
  int port;
  struct usys_place local; /* to connect from; length 0: the system chooses */
  int local_port;
  int patience[2]; /* milliseconds for each place in the first pass, and for each that kept silent in the
                      second; of the second 0: there is none */
  int no_delay;
  int is_silent; /* nothing is said of failures */
};

/* Connect, in the child of a server: bare system calls only.
 *
 * texts: has the texts of errors.
 * ends: gets ours and the server's.
 *
 * Returns the socket, which waits and is closed on exec; or -errno, and in *complaint what
 * begins the line about it, NULL where all was said. */
long usys_connect(const struct usys_target *target, const struct usys_command *texts,
                  struct usys_peer ends[2], const char **complaint);

#endif
