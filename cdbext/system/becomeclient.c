/* programs/tcpclient.py says the same in Python. */
#include "system/becomeclient.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "numbers/decimal.h"
#include "system/addresstext.h"
#include "system/baresyscall.h"
#include "system/beforeexec.h"
#include "system/clientvariables.h"
#include "system/connectpath.h"
#include "system/proxyheader.h"

enum { READING = 6, WRITING = 7 };

int usys_has_connection(void)
{
  return usys_bare(SYS_fcntl, READING, F_GETFD, 0, 0) >= 0 &&
      usys_bare(SYS_fcntl, WRITING, F_GETFD, 0, 0) >= 0;
}

#if USYS_BARE

static long send_all(long fd, const unsigned char *from, size_t length)
{
  while (length) {
    long sent = usys_bare6(SYS_sendto, fd, (long)(intptr_t)from, (long)length, MSG_NOSIGNAL, 0, 0);

    if (sent == -EINTR)
      continue;
    if (sent < 0)
      return sent;
    from += sent;
    length -= (size_t)sent;
  }
  return 0;
}

/* Leave a connection on the descriptors of the program, and on no other. */
static int hand_over(long fd, const char *const complaints[2], const char **complaint)
{
  int number;

  for (number = READING; number <= WRITING; ++number) {
    long result = fd == number ? usys_bare(SYS_fcntl, fd, F_SETFD, 0, 0)
                               : usys_bare(SYS_dup3, fd, number, 0, 0);

    if (result < 0) {
      *complaint = complaints[number - READING];
      return result == -EBADF ? EINVAL : (int)-result; /* above the limit; the original's call has EINVAL */
    }
  }
  if (fd != READING && fd != WRITING)
    usys_bare(SYS_close, fd, 0, 0, 0);
  return 0;
}

/* remote: the server's address as text. */
static void tell_connected(const struct usys_client_step *step, const char *remote)
{
  struct iovec pieces[5];
  char digits[DECIMAL_MAX];

  if (!step->connected)
    return;
  usys_set_piece(&pieces[0], step->connected, strlen(step->connected));
  usys_set_piece(&pieces[1], remote, strlen(remote));
  usys_set_piece(&pieces[2], " port ", 6);
  usys_set_piece(&pieces[3], digits, put_decimal(digits, (uint64_t)step->target.port));
  usys_set_piece(&pieces[4], "\n", 1);
  usys_write_pieces(pieces, step->path ? 1 : 5, 1);
}

int usys_may_be_client(const struct usys_client_step *step, const struct usys_room *room)
{
  unsigned char header[USYS_PROXY_HEADER];

  return room->spare_length >= USYS_CLIENT_SPARE + 2 * strlen(step->local_host) &&
      (!step->version || usys_put_proxy_header(step->version, room->environ, header));
}

/* Send the header that a server wants first.  Returns 0, or -errno. */
static long send_header(const struct usys_client_step *step, long fd, char *const *environ)
{
  unsigned char header[USYS_PROXY_HEADER];

  return step->version ? send_all(fd, header, usys_put_proxy_header(step->version, environ, header)) : 0;
}

/* How a connection was made, and what is known of its ends. */
struct made {
  long fd;
  struct usys_peer ends[2];
  char local[USYS_ADDRESS_TEXT], remote[USYS_ADDRESS_TEXT];
};

static long make(const struct usys_client_step *step, const struct usys_command *texts, struct made *made,
                 const char **complaint)
{
  *made->local = *made->remote = 0;
  if (step->path)
    return made->fd = usys_connect_path(step->path, &step->target, texts, complaint);
  made->fd = usys_connect(&step->target, texts, made->ends, complaint);
  if (made->fd >= 0) {
    usys_show_ip(made->ends[0].ip, made->ends[0].length, made->local);
    usys_show_ip(made->ends[1].ip, made->ends[1].length, made->remote);
  }
  return made->fd;
}

static void put_variables(const struct usys_client_step *step, const struct made *made,
                          struct usys_room *room)
{
  const char *const shown[2] = { made->local, made->remote };

  if (step->path)
    usys_put_path_variables(step->path, made->fd, room);
  else
    usys_put_client_variables(step->local_host, made->ends, shown, room);
}

int usys_become_client(const struct usys_client_step *step, const struct usys_command *texts,
                       struct usys_room *room, const char **complaint)
{
  struct made made;
  long error;

  usys_bare(SYS_close, READING, 0, 0, 0);
  usys_bare(SYS_close, WRITING, 0, 0, 0);
  if (make(step, texts, &made, complaint) < 0)
    return (int)-made.fd;
  tell_connected(step, made.remote);
  error = send_header(step, made.fd, room->environ);
  if (error) {
    *complaint = step->proxy_error;
    return (int)-error;
  }
  put_variables(step, &made, room);
  usys_set_default_action(SIGPIPE); /* as in the original, the program never finds it ignored */
  return hand_over(made.fd, step->descriptor_errors, complaint);
}

#else

/* The link is executed: see usys_connect. */
int usys_may_be_client(const struct usys_client_step *step, const struct usys_room *room)
{
  (void)step;
  (void)room;
  return 0;
}

int usys_become_client(const struct usys_client_step *step, const struct usys_command *texts,
                       struct usys_room *room, const char **complaint)
{
  (void)step;
  (void)texts;
  (void)room;
  (void)complaint;
  return ENOSYS;
}

#endif
