/* Theory of operation.
 *
 * The child asks for itself, so a slow list delays its own client alone, and nothing of
 * the server can be full, dead or in the way.  As rblsmtpd does, it asks about all
 * lists at once, each through a socket of its own that is connected to the DNS server:
 * the kernel drops packets from anybody else, and who wants to forge an answer must
 * guess the port, which the kernel chooses, and the identifier.
 *
 * Only the first server is asked, once, for as long as rblsmtpd gives it in the first
 * round; rblsmtpd begins anew when it is executed.  So that a server that is down
 * delays few clients by that time, nobody waits for it for a while then. */
#include "system/asklists.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "system/baresyscall.h"
#include "system/dnsmessage.h"
#include "system/variables.h"

#if USYS_BARE

enum {
  REST = 10 /* seconds */
};

struct asked {
  int socket;
  size_t length;
  unsigned char question[USYS_QUESTION_MAX];
};

static int64_t now(void)
{
  struct timespec time = { 0 };

  usys_bare(SYS_clock_gettime, CLOCK_MONOTONIC, (long)(intptr_t)&time, 0, 0);
  return time.tv_sec;
}

static socklen_t put_ip4(struct sockaddr_storage *place, const unsigned char *ip, int port)
{
  struct sockaddr_in *ip4 = (struct sockaddr_in *)(void *)place;

  ip4->sin_family = AF_INET;
  ip4->sin_port = htons((uint16_t)port);
  memcpy(&ip4->sin_addr, ip, sizeof ip4->sin_addr);
  return sizeof *ip4;
}

static socklen_t put_ip6(struct sockaddr_storage *place, const unsigned char *ip, int port)
{
  struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)(void *)place;

  ip6->sin6_family = AF_INET6;
  ip6->sin6_port = htons((uint16_t)port);
  memcpy(&ip6->sin6_addr, ip, sizeof ip6->sin6_addr);
  return sizeof *ip6;
}

/* Say which server is asked; return the length of its place. */
static socklen_t put_server(struct sockaddr_storage *place, const struct usys_lists *lists,
                            char *const *environ)
{
  const char *named = usys_value_of(environ, "DNSCACHEIP");
  unsigned char ip[4];

  memset(place, 0, sizeof *place);
  if (named && usys_first_server(named, ip))
    return put_ip4(place, ip, lists->port);
  if (lists->server_length == sizeof ip)
    return put_ip4(place, lists->server, lists->port);
  return put_ip6(place, lists->server, lists->port);
}

/* Send a question; return the socket, or -1. */
static int send_question(const struct sockaddr_storage *place, socklen_t length, const struct asked *asked)
{
  long fd = usys_bare(SYS_socket, place->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0);

  if (fd < 0)
    return -1;
  if (!usys_bare(SYS_connect, fd, (long)(intptr_t)place, length, 0) &&
      usys_bare(SYS_write, fd, (long)(intptr_t)asked->question, (long)asked->length, 0) ==
          (long)asked->length)
    return (int)fd;
  usys_bare(SYS_close, fd, 0, 0, 0);
  return -1;
}

/* Send all questions; return how many were sent, which is not all where one cannot be. */
static size_t send_all(const struct usys_lists *lists, char *const *environ, struct asked *asked)
{
  const char *ip = usys_value_of(environ, "TCPREMOTEIP");
  unsigned short ids[USYS_LISTS_MAX];
  struct sockaddr_storage place;
  socklen_t length = put_server(&place, lists, environ);
  size_t i;

  if (!ip || usys_bare(SYS_getrandom, (long)(intptr_t)ids, sizeof ids, 0, 0) != (long)sizeof ids)
    return 0;
  for (i = 0; i < lists->count; ++i) {
    asked[i].length = usys_put_question(asked[i].question, ids[i], ip, lists->tails[i].at,
                                        lists->tails[i].length);
    if (!asked[i].length)
      break;
    asked[i].socket = send_question(&place, length, &asked[i]);
    if (asked[i].socket < 0)
      break;
  }
  return i;
}

/* Wait for the answer; patience is what is left of the time, which the kernel counts down.
 * Returns whether there is no record, or -1 for silence. */
static int has_none(const struct asked *asked, struct timespec *patience)
{
  struct pollfd polled = { .fd = asked->socket, .events = POLLIN };
  unsigned char answer[USYS_ANSWER_MAX + 1]; /* one that fills it is too long */
  long length = usys_bare(SYS_ppoll, (long)(intptr_t)&polled, 1, (long)(intptr_t)patience, 0);

  if (length <= 0)
    return length ? 0 : -1;
  length = usys_bare(SYS_read, asked->socket, (long)(intptr_t)answer, sizeof answer, 0);
  return length > 0 && length <= USYS_ANSWER_MAX &&
      usys_says_none(answer, (size_t)length, asked->question, asked->length);
}

static int ask(struct usys_lists *lists, char *const *environ)
{
  struct asked asked[USYS_LISTS_MAX];
  struct timespec patience = { .tv_sec = lists->patience / 1000,
                               .tv_nsec = lists->patience % 1000 * 1000000L };
  size_t sent = send_all(lists, environ, asked), i;
  int found = sent == lists->count;

  for (i = 0; i < sent && found > 0; ++i)
    found = has_none(&asked[i], &patience);
  for (i = 0; i < sent; ++i)
    usys_bare(SYS_close, asked[i].socket, 0, 0, 0);
  if (found < 0)
    __atomic_store_n(&lists->rest_until, now() + REST, __ATOMIC_RELAXED);
  return found > 0;
}

int usys_passes(struct usys_lists *lists, char *const *environ)
{
  const char *decided = usys_value_of(environ, "RBLSMTPD");

  if (decided)
    return !*decided;
  if (!lists->count)
    return 1;
  return now() >= __atomic_load_n(&lists->rest_until, __ATOMIC_RELAXED) && ask(lists, environ);
}

#else

/* The server stands still until the exec, so nobody may wait. */
int usys_passes(struct usys_lists *lists, char *const *environ)
{
  (void)lists;
  (void)environ;
  return 0;
}

#endif
