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
#include "system/proxyheader.h"

enum { READING = 6, WRITING = 7 };

int usys_has_connection(void)
{
  return usys_bare(SYS_fcntl, READING, F_GETFD, 0, 0) >= 0 &&
      usys_bare(SYS_fcntl, WRITING, F_GETFD, 0, 0) >= 0;
}

#if USYS_BARE

static const char *const ends[] = { "LOCALIP",    "LOCALPORT",  "LOCALHOST", "REMOTEIP",
                                    "REMOTEPORT", "REMOTEHOST", "REMOTEINFO" };

/* What is written into the environment, and where the next text goes. */
struct writer {
  char **next;
  char *text;
};

static char *put_text(char *to, const char *text)
{
  size_t length = strlen(text);

  memcpy(to, text, length + 1);
  return to + length;
}

static void add(struct writer *writer, const char *prefix, const char *name, const char *value)
{
  *writer->next++ = writer->text;
  writer->text = put_text(put_text(put_text(put_text(writer->text, prefix), name), "="), value) + 1;
}

static void add_number(struct writer *writer, const char *prefix, const char *name, unsigned number)
{
  char digits[DECIMAL_MAX + 1];

  digits[put_decimal(digits, number)] = 0;
  add(writer, prefix, name, digits);
}

static void add_ends(struct writer *writer, const char *prefix, const struct usys_client_step *step,
                     const struct usys_peer peers[2], const char *const texts[2])
{
  add(writer, prefix, "LOCALIP", texts[0]);
  add_number(writer, prefix, "LOCALPORT", peers[0].port);
  add(writer, prefix, "LOCALHOST", step->local_host);
  add(writer, prefix, "REMOTEIP", texts[1]);
  add_number(writer, prefix, "REMOTEPORT", peers[1].port);
}

/* What follows a prefix in an entry; NULL where that is another. */
static const char *behind(const char *entry, const char *prefix)
{
  size_t length = strlen(prefix);

  return strncmp(entry, prefix, length) ? NULL : entry + length;
}

static int is_end(const char *name)
{
  size_t i;

  for (i = 0; i < sizeof ends / sizeof *ends; ++i) {
    size_t length = strlen(ends[i]);

    if (!strncmp(name, ends[i], length) && (name[length] == '=' || !name[length]))
      return 1;
  }
  return 0;
}

/* Whether an entry is about the connection that is the program's no more. */
static int is_replaced(const char *entry, int is_ip6)
{
  const char *name = behind(entry, "TCP");

  if (!name)
    return (name = behind(entry, "PROTO")) && (*name == '=' || !*name);
  if (is_end(name))
    return 1;
  name = is_ip6 ? behind(name, "6") : NULL;
  return name && (is_end(name) || !strncmp(name, "INTERFACE=", 10) || !strcmp(name, "INTERFACE"));
}

static char **keep_others(char **environ, int is_ip6)
{
  char **to = environ;

  for (; *environ; ++environ)
    if (!is_replaced(*environ, is_ip6))
      *to++ = *environ;
  return to;
}

static void write_variables(const struct usys_client_step *step, const struct usys_peer peers[2],
                            const char *const texts[2], struct usys_room *room)
{
  int is_ip6 = peers[1].length == USYS_IP6;
  struct writer writer = { .next = keep_others(room->environ, is_ip6), .text = room->spare };

  add(&writer, "", "PROTO", is_ip6 ? "TCP6" : "TCP");
  add_ends(&writer, "TCP", step, peers, texts);
  if (is_ip6)
    add_ends(&writer, "TCP6", step, peers, texts);
  *writer.next = NULL;
  room->spare_length -= (size_t)(writer.text - room->spare);
  room->spare = writer.text;
}

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
  usys_write_pieces(pieces, 5, 1);
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

int usys_become_client(const struct usys_client_step *step, const struct usys_command *texts,
                       struct usys_room *room, const char **complaint)
{
  char local[USYS_ADDRESS_TEXT], remote[USYS_ADDRESS_TEXT];
  const char *const shown[2] = { local, remote };
  struct usys_peer peers[2];
  long fd, error;

  usys_bare(SYS_close, READING, 0, 0, 0);
  usys_bare(SYS_close, WRITING, 0, 0, 0);
  fd = usys_connect(&step->target, texts, peers, complaint);
  if (fd < 0)
    return (int)-fd;
  usys_show_ip(peers[0].ip, peers[0].length, local);
  usys_show_ip(peers[1].ip, peers[1].length, remote);
  tell_connected(step, remote);
  error = send_header(step, fd, room->environ);
  if (error) {
    *complaint = step->proxy_error;
    return (int)-error;
  }
  write_variables(step, peers, shown, room);
  usys_set_default_action(SIGPIPE); /* as in the original, the program never finds it ignored */
  return hand_over(fd, step->descriptor_errors, complaint);
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
