/* Theory of operation.  See tcp/client.py: the addresses are tried in order, each for a short time,
 * and those that kept silent once more, for a longer one.  The child waits for itself, so a
 * server that is silent delays its own client alone. */
#include "system/connectserver.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "system/addresstext.h"
#include "system/baresyscall.h"
#include "system/beforeexec.h"

#if USYS_BARE

union address {
  struct sockaddr any;
  struct sockaddr_in ip4;
  struct sockaddr_in6 ip6;
};

static unsigned put_address(union address *address, const unsigned char *ip, size_t length, int port)
{
  memset(address, 0, sizeof *address);
  if (length == USYS_IP4) {
    address->ip4.sin_family = AF_INET;
    address->ip4.sin_port = htons((uint16_t)port);
    memcpy(&address->ip4.sin_addr, ip, USYS_IP4);
    return sizeof address->ip4;
  }
  address->ip6.sin6_family = AF_INET6;
  address->ip6.sin6_port = htons((uint16_t)port);
  memcpy(&address->ip6.sin6_addr, ip, USYS_IP6);
  return sizeof address->ip6;
}

static void take_address(struct usys_peer *peer, const union address *address)
{
  int is_ip4 = address->any.sa_family == AF_INET;

  peer->length = is_ip4 ? USYS_IP4 : USYS_IP6;
  peer->port = ntohs(is_ip4 ? address->ip4.sin_port : address->ip6.sin6_port);
  memcpy(peer->ip, is_ip4 ? (const void *)&address->ip4.sin_addr : &address->ip6.sin6_addr, peer->length);
}

static long bind_to(long fd, const struct usys_target *target, size_t length)
{
  static const unsigned char any[USYS_IP6];
  const unsigned char *ip = target->local.length ? target->local.ip : any;
  union address address;
  unsigned size;

  if (!target->local.length && !target->local_port)
    return 0;
  size = put_address(&address, ip, length, target->local_port);
  return usys_bare(SYS_bind, fd, (long)(intptr_t)&address, size, 0);
}

/* Wait until a socket is connected, or has failed; return -errno then. */
static long await(long fd, int patience)
{
  struct pollfd polled = { .fd = (int)fd, .events = POLLOUT };
  struct timespec left = { .tv_sec = patience / 1000, .tv_nsec = patience % 1000 * 1000000L };
  int error = 0;
  socklen_t size = sizeof error;
  long ready;

  do /* the kernel counts down what is left */
    ready = usys_bare(SYS_ppoll, (long)(intptr_t)&polled, 1, (long)(intptr_t)&left, 0);
  while (ready == -EINTR);
  if (ready <= 0)
    return ready ? ready : -ETIMEDOUT;
  ready = usys_bare6(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, (long)(intptr_t)&error, (long)(intptr_t)&size,
                     0);
  return ready ? ready : -error;
}

/* Connect a socket that does not wait; it does then. */
static long connect_to(long fd, const struct usys_place *place, int port, int patience)
{
  union address address;
  unsigned size = put_address(&address, place->ip, place->length, port);
  long result = usys_bare(SYS_connect, fd, (long)(intptr_t)&address, size, 0);

  if (result == -EINPROGRESS)
    result = await(fd, patience);
  return result ? result : usys_bare(SYS_fcntl, fd, F_SETFL, O_RDWR, 0);
}

/* Ask for an end of a connection.  Returns 0, or -errno. */
static long ask_end(long call, long fd, struct usys_peer *peer)
{
  union address address;
  socklen_t size = sizeof address;
  long result = usys_bare(call, fd, (long)(intptr_t)&address, (long)(intptr_t)&size, 0);

  if (!result)
    take_address(peer, &address);
  return result;
}

static void set_no_delay(long fd)
{
  static const int on = 1;

  usys_bare6(SYS_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, (long)(intptr_t)&on, sizeof on, 0);
}

/* How an attempt failed: for good, at a step that is the same for all places. */
struct failure {
  const char *step; /* NULL: it is the place's */
};

static long fail(struct failure *failure, const char *step, long error)
{
  failure->step = step;
  return error;
}

/* Do all that is done with a socket.  Returns 0, or -errno. */
static long use(long fd, const struct usys_target *target, const struct usys_place *place, int patience,
                struct usys_peer ends[2], struct failure *failure)
{
  long error = bind_to(fd, target, place->length);

  if (error)
    return fail(failure, "tcpclient: fatal: unable to bind socket: ", error);
  error = connect_to(fd, place, target->port, patience);
  if (error)
    return error;
  if (target->no_delay)
    set_no_delay(fd);
  error = ask_end(SYS_getsockname, fd, &ends[0]);
  if (error)
    return fail(failure, "tcpclient: fatal: unable to get local address: ", error);
  error = ask_end(SYS_getpeername, fd, &ends[1]);
  return error ? fail(failure, "tcpclient: fatal: unable to get remote address: ", error) : 0;
}

static long attempt(const struct usys_target *target, const struct usys_place *place, int patience,
                    struct usys_peer ends[2], struct failure *failure)
{
  int family = place->length == USYS_IP4 ? AF_INET : AF_INET6;
  long fd = usys_bare(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0), error;

  failure->step = NULL;
  if (fd < 0)
    return fail(failure, "tcpclient: fatal: unable to create socket: ", fd);
  error = use(fd, target, place, patience, ends, failure);
  if (error)
    usys_bare(SYS_close, fd, 0, 0, 0);
  return error ? error : fd;
}

static void tell(const struct usys_target *target, const struct usys_place *place,
                 const struct usys_command *texts, long error)
{
  struct usys_command told = *texts;

  told.complaint = target->is_silent ? NULL : place->failed;
  usys_complain(&told, (int)-error, 1);
}

/* Which places are still to be tried, a bit for each. */
static uint64_t all_of(const struct usys_target *target)
{
  return target->count == USYS_PLACES_MAX ? UINT64_MAX : ((uint64_t)1 << target->count) - 1;
}

/* Try some places in order.  silent: gets those that did not answer, NULL where this is the last time.
 * Returns the socket, or -errno of the last that failed. */
static long try_all(const struct usys_target *target, uint64_t some, int patience, uint64_t *silent,
                    const struct usys_command *texts, struct usys_peer ends[2], struct failure *failure)
{
  long result = -ETIMEDOUT;
  size_t i;

  for (i = 0; i < target->count; ++i) {
    if (!(some >> i & 1))
      continue;
    result = attempt(target, &target->places[i], patience, ends, failure);
    if (result >= 0 || failure->step)
      break;
    if (result == -ETIMEDOUT && silent)
      *silent |= (uint64_t)1 << i;
    else
      tell(target, &target->places[i], texts, result);
  }
  return result;
}

long usys_connect(const struct usys_target *target, const struct usys_command *texts,
                  struct usys_peer ends[2], const char **complaint)
{
  struct failure failure = { 0 };
  uint64_t silent = 0;
  long result = try_all(target, all_of(target), target->patience[0], target->patience[1] ? &silent : NULL,
                        texts, ends, &failure);

  if (result < 0 && !failure.step && silent)
    result = try_all(target, silent, target->patience[1], NULL, texts, ends, &failure);
  if (result < 0)
    *complaint = target->is_silent ? NULL : failure.step;
  return result;
}

#else

/* The server stands still until the exec, so nobody may wait. */
long usys_connect(const struct usys_target *target, const struct usys_command *texts,
                  struct usys_peer ends[2], const char **complaint)
{
  (void)target;
  (void)texts;
  (void)ends;
  (void)complaint;
  return -ENOSYS;
}

#endif
