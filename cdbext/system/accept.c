#include "system/accept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "numbers/dotted.h"

union address {
  struct sockaddr any;
  struct sockaddr_in ip4;
  struct sockaddr_in6 ip6;
  struct sockaddr_storage storage;
};

static int describe_ip6(const struct sockaddr_in6 *address, char *text, unsigned *scope)
{
  const unsigned char *bytes = address->sin6_addr.s6_addr;

  if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
    put_dotted(bytes + 12, text);
  } else {
    inet_ntop(AF_INET6, bytes, text, USYS_IP_SIZE);
    if (address->sin6_scope_id)
      *scope = address->sin6_scope_id;
  }
  return ntohs(address->sin6_port);
}

/* Returns the port.  The text is empty when the address is none of IP; the
 * scope is left alone when it has none. */
static int describe(const union address *address, char *text, unsigned *scope)
{
  *text = 0;
  switch (address->any.sa_family) {
    case AF_INET:
      put_dotted((const unsigned char *)&address->ip4.sin_addr, text);
      return ntohs(address->ip4.sin_port);
    case AF_INET6: return describe_ip6(&address->ip6, text, scope);
    default: return 0;
  }
}

/* What does not fit the family fails, and does no harm. */
static void set_options(int connection, int flags)
{
  const int on = 1;

  if (flags & USYS_CLEAR_IP_OPTIONS)
    setsockopt(connection, IPPROTO_IP, IP_OPTIONS, NULL, 0);
  if (flags & USYS_NO_DELAY)
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int usys_accept_unnamed(int listener, int flags, struct usys_client *client)
{
  union address remote;
  socklen_t length = sizeof remote;
  int connection = accept4(listener, &remote.any, &length, SOCK_CLOEXEC);

  if (connection == -1)
    return -errno;
  client->scope = 0;
  client->remote_port = describe(&remote, client->remote_ip, &client->scope);
  set_options(connection, flags);
  return connection;
}

void usys_name_local(int connection, struct usys_client *client)
{
  union address local;
  socklen_t length = sizeof local;

  client->error = getsockname(connection, &local.any, &length) ? errno : 0;
  if (client->error) {
    *client->local_ip = 0;
    client->local_port = 0;
  } else {
    client->local_port = describe(&local, client->local_ip, &client->scope);
  }
}

int usys_accept(int listener, int flags, struct usys_client *client)
{
  int connection = usys_accept_unnamed(listener, flags, client);

  if (connection >= 0)
    usys_name_local(connection, client);
  return connection;
}
