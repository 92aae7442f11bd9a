#include "system/acceptproxied.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

enum {
  PLAIN_MOST = 107 /* bytes: no header without entries is longer, but for those of UNIX-domain clients */
};

/* Parse an address of ours; return the bits that any network with it has at least, -1 if there is none. */
static int pack(const char *text, unsigned char packed[16])
{
  static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

  if (strchr(text, ':'))
    return inet_pton(AF_INET6, text, packed) == 1 ? 0 : -1;
  memcpy(packed, mapped, sizeof mapped);
  return inet_pton(AF_INET, text, packed + sizeof mapped) == 1 ? 8 * (int)sizeof mapped : -1;
}

static int contains(const struct usys_proxy_network *network, const unsigned char packed[16])
{
  size_t whole = network->bits / 8, rest = network->bits % 8;

  if (memcmp(network->address, packed, whole))
    return 0;
  return !rest || (network->address[whole] ^ packed[whole]) >> (8 - rest) == 0;
}

/* IPv4 is in no network of IPv6, not even in that of all addresses. */
static int is_trusted(const struct usys_proxy_trust *trust, const char *ip)
{
  unsigned char packed[16];
  int least = pack(ip, packed);
  size_t i;

  if (least < 0)
    return 0;
  for (i = 0; i < trust->count; ++i)
    if (trust->networks[i].bits >= (size_t)least && contains(trust->networks + i, packed))
      return 1;
  return 0;
}

/* Take a plain header that is here.  More than it is looked at, and nothing more is taken. */
static int take(int connection, size_t most, struct usys_proxy_header *header)
{
  unsigned char seen[PLAIN_MOST];
  ssize_t length = recv(connection, seen, sizeof seen, MSG_PEEK | MSG_DONTWAIT);

  if (length <= 0 || usys_proxy_read(seen, (size_t)length, most, header) != USYS_PROXY_WHOLE)
    return 0;
  if (header->is_peer || header->has_texts || !*header->destination)
    return 0;
  return recv(connection, seen, header->number, MSG_DONTWAIT) == (ssize_t)header->number;
}

int usys_accept_proxied(int listener, int flags, const struct usys_proxy_trust *trust,
                        struct usys_client *client, struct usys_proxy_header *header)
{
  int connection = usys_accept_unnamed(listener, flags, client);

  if (connection < 0)
    return connection;
  if (is_trusted(trust, client->remote_ip) && take(connection, trust->most, header)) {
    *client->local_ip = 0;
    client->error = 0;
  } else {
    header->number = 0;
    usys_name_local(connection, client);
  }
  return connection;
}
