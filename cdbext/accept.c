#include "accept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

union address {
  struct sockaddr any;
  struct sockaddr_in ip4;
  struct sockaddr_storage storage;
};

/* Returns the port; the text is empty when the address is not an IPv4 one. */
static int describe(const union address *address, char *text)
{
  if (address->any.sa_family != AF_INET
      || !inet_ntop(AF_INET, &address->ip4.sin_addr, text, USYS_IP_SIZE)) {
    *text = 0;
    return 0;
  }
  return ntohs(address->ip4.sin_port);
}

static void set_options(int connection, int flags)
{
  const int on = 1;

  if (flags & USYS_CLEAR_IP_OPTIONS)
    setsockopt(connection, IPPROTO_IP, IP_OPTIONS, NULL, 0);
  if (flags & USYS_NO_DELAY)
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int usys_accept(int listener, int flags, struct usys_client *client)
{
  union address local, remote;
  socklen_t length = sizeof remote;
  int connection = accept4(listener, &remote.any, &length, SOCK_CLOEXEC);

  if (connection == -1)
    return -errno;
  client->remote_port = describe(&remote, client->remote_ip);
  set_options(connection, flags);
  length = sizeof local;
  client->error = getsockname(connection, &local.any, &length) ? errno : 0;
  if (client->error)
    *client->local_ip = 0;
  else
    describe(&local, client->local_ip);
  return connection;
}
