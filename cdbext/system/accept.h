/* Accepting a connection, with all that is asked of every one, in one call. */
#ifndef USYS_ACCEPT_H
#define USYS_ACCEPT_H

enum {
  USYS_CLEAR_IP_OPTIONS = 1,
  USYS_NO_DELAY = 2,
  USYS_IP_SIZE = 46 /* the longest address as text, and a NUL */
};

/* Both ends of an accepted connection, addresses as NUL-terminated text: an
 * IPv4 address that an IPv6 socket shows mapped is shown as what it is. */
struct usys_client {
  char local_ip[USYS_IP_SIZE];
  char remote_ip[USYS_IP_SIZE];
  int local_port;
  int remote_port;
  unsigned scope; /* index of the interface of a link-local address at either end, or 0 */
  int error;      /* errno of finding the local address, or 0; local_ip is then empty */
};

/* Accept a connection from a non-blocking listener.  The connection blocks and
 * is closed on exec.  flags: what to set on it; where that fails it is gone,
 * and whoever reads or writes next will be told.
 *
 * Returns the descriptor, or -errno; -EAGAIN when no client is there. */
int usys_accept(int listener, int flags, struct usys_client *client);

/* The two steps of it: the local address and `error` are found by the second. */
int usys_accept_unnamed(int listener, int flags, struct usys_client *client);
void usys_name_local(int connection, struct usys_client *client);

#endif
