/* Accepting a connection together with the header that a balancer has sent on it. */
#ifndef USYS_ACCEPTPROXIED_H
#define USYS_ACCEPTPROXIED_H

#include <stddef.h>

#include "proxy/header.h"
#include "system/accept.h"

/* A network of balancers; an IPv4 address is in mapped form, and all its 96 bits in front count. */
struct usys_proxy_network {
  unsigned char address[16];
  size_t bits; /* of the address that count; those behind them are 0 */
};

struct usys_proxy_trust {
  const struct usys_proxy_network *networks;
  size_t count;
  size_t most; /* bytes of the longest header of version 2 that is taken */
};

/* Accept a connection, as `usys_accept` does.  If it is from one of the networks, all of its
 * header is here, and that says nothing but both addresses, then the header is taken off it,
 * and `header->number` is its length: our own address is not looked for, `client->local_ip` is empty.
 * If not, nothing is taken and `header->number` is 0: somebody else has to read what there is. */
int usys_accept_proxied(int listener, int flags, const struct usys_proxy_trust *trust,
                        struct usys_client *client, struct usys_proxy_header *header);

#endif
