#include "system/connectionidentity.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

enum {
  PROTOCOL_AT = 1,
  WANTED_AT = 2,
  STATES_AT = 4,
  PORTS_AT = 8, /* ours, then the other end's */
  OURS_AT = 12, /* addresses have 16 bytes */
  THEIRS_AT = 28,
  INTERFACE_AT = 44,
  INFO = 1 << 1 /* INET_DIAG_INFO: a struct tcp_info */
};

union name {
  struct sockaddr any;
  struct sockaddr_in ip4;
  struct sockaddr_in6 ip6;
  struct sockaddr_storage room;
};

static void put_name(const union name *name, unsigned char *port, unsigned char *address)
{
  if (name->any.sa_family == AF_INET) {
    memcpy(port, &name->ip4.sin_port, 2);
    memcpy(address, &name->ip4.sin_addr, 4);
  } else if (name->any.sa_family == AF_INET6) {
    memcpy(port, &name->ip6.sin6_port, 2);
    memcpy(address, &name->ip6.sin6_addr, 16);
  }
}

int usys_identify(int descriptor, unsigned char *identity)
{
  union name ours, theirs;
  socklen_t ours_size = sizeof ours, theirs_size = sizeof theirs;
  socklen_t size = USYS_COOKIE_SIZE, index_size = sizeof(uint32_t);

  memset(identity, 0, USYS_IDENTITY_SIZE);
  memset(&ours, 0, sizeof ours);
  memset(&theirs, 0, sizeof theirs);
  if (getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, identity + USYS_COOKIE_AT, &size) ||
      getsockname(descriptor, &ours.any, &ours_size) || getpeername(descriptor, &theirs.any, &theirs_size))
    return errno;
  identity[0] = (unsigned char)ours.any.sa_family;
  identity[PROTOCOL_AT] = IPPROTO_TCP;
  identity[WANTED_AT] = INFO;
  memset(identity + STATES_AT, 0xff, 4);
  put_name(&ours, identity + PORTS_AT, identity + OURS_AT);
  put_name(&theirs, identity + PORTS_AT + 2, identity + THEIRS_AT);
  /* A socket that is bound to an interface is found only with that.  Without the option it stays 0. */
  getsockopt(descriptor, SOL_SOCKET, SO_BINDTOIFINDEX, identity + INTERFACE_AT, &index_size);
  return 0;
}
