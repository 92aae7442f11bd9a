/* The step of tcpclient: connect to a server, and tell it and the program what is known. */
#ifndef USYS_BECOMECLIENT_H
#define USYS_BECOMECLIENT_H

#include <stddef.h>

#include "system/clientvariables.h"
#include "system/connectserver.h"
#include "system/variables.h"

struct usys_client_step {
  struct usys_target target;
  const char *path;       /* of a UNIX-domain socket to connect to instead; NULL: none */
  int version;            /* of the PROXY header that is sent first; 0: none */
  const char *local_host; /* the name of our own address, as it was given */
  const char *
      connected; /* begins the line about a success, and is the whole of it for a path; NULL: it is not told */
  const char *proxy_error; /* begin the lines about failures; NULL: silent */
  const char *descriptor_errors[2];
};

/* All are for the child of a server: bare system calls only. */

/* Whether the step can be taken: else the link is to be executed.  Nothing has been done. */
int usys_may_be_client(const struct usys_client_step *step, const struct usys_room *room);

/* Take the step: afterwards the connection is on descriptors 6 and 7, as the program has it, and its
 * variables are in the environment, behind those that stay.
 *
 * texts: has the texts of errors.
 * room: has place for USYS_CLIENT_VARIABLES.
 *
 * Returns 0; or the errno to report, and in *complaint what begins the line. */
int usys_become_client(const struct usys_client_step *step, const struct usys_command *texts,
                       struct usys_room *room, const char **complaint);

/* Whether there is something on the descriptors of a client's program. */
int usys_has_connection(void);

#endif
