/* Addresses as text, in the one form in which a client is shown and judged. */
#ifndef PROXY_ENDPOINT_H
#define PROXY_ENDPOINT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "numbers/dotted.h"
#include "proxy/header.h"

/* A mapped IPv4 address is shown as what it is. */
static inline void usys_proxy_show_ip6(const unsigned char *bytes, char *text)
{
  static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

  if (!memcmp(bytes, mapped, sizeof mapped))
    put_dotted(bytes + sizeof mapped, text);
  else
    inet_ntop(AF_INET6, bytes, text, USYS_PROXY_ADDRESS);
}

#endif
