/* The step of rblsmtpd: whether a client passes, which it does where no list has it.
 *
 * The options decide only about clients that a list has, or that it could not be asked
 * about; these are left to the program, which asks again. */
#ifndef USYS_ASKLISTS_H
#define USYS_ASKLISTS_H

#include <stddef.h>
#include <stdint.h>

enum { USYS_LISTS_MAX = 8 }; /* more are left to the program */

struct usys_tail {
  const unsigned char *at; /* of usys_put_question */
  size_t length;
};

struct usys_lists {
  const struct usys_tail *tails; /* one for each list */
  size_t count;                  /* at most USYS_LISTS_MAX */
  const unsigned char *server;   /* to ask where the environment names none: 4 bytes, or 16 of IPv6 */
  size_t server_length;
  int port;
  int patience;       /* milliseconds for all lists together */
  int64_t rest_until; /* monotonic seconds: the server kept silent, and is not waited for until then */
};

/* For the child of a server: bare system calls only.  lists is shared by all children.
 *
 * Returns whether the client passes.  If not, the link is to be executed, and all is as it was. */
int usys_passes(struct usys_lists *lists, char *const *environ);

#endif
