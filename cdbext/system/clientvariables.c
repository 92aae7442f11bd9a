#include "system/clientvariables.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "numbers/decimal.h"
#include "system/addresstext.h"
#include "system/baresyscall.h"

#if USYS_BARE

static const char *const of_ends[] = { "LOCALIP",    "LOCALPORT",  "LOCALHOST", "REMOTEIP",
                                       "REMOTEPORT", "REMOTEHOST", "REMOTEINFO" };
static const char *const of_paths[] = { "LOCALPATH", "LOCALUID",   "LOCALGID",  "LOCALPID",
                                        "REMOTEPID", "REMOTEEUID", "REMOTEEGID" };

enum family { IP4, IP6, PATH };

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

static void add_ends(struct writer *writer, const char *prefix, const char *local_host,
                     const struct usys_peer ends[2], const char *const texts[2])
{
  add(writer, prefix, "LOCALIP", texts[0]);
  add_number(writer, prefix, "LOCALPORT", ends[0].port);
  add(writer, prefix, "LOCALHOST", local_host);
  add(writer, prefix, "REMOTEIP", texts[1]);
  add_number(writer, prefix, "REMOTEPORT", ends[1].port);
}

/* What follows a prefix in an entry; NULL where that is another. */
static const char *behind(const char *entry, const char *prefix)
{
  size_t length = strlen(prefix);

  return strncmp(entry, prefix, length) ? NULL : entry + length;
}

/* Whether an entry has one of some names, which follow a prefix in it. */
static int is_among(const char *entry, const char *prefix, const char *const *names, size_t count)
{
  const char *name = behind(entry, prefix), *rest;
  size_t i;

  for (i = 0; name && i < count; ++i)
    if ((rest = behind(name, names[i])) && (*rest == '=' || !*rest))
      return 1;
  return 0;
}

/* Whether an entry is about the connection that is the program's no more. */
static int is_replaced(const char *entry, enum family family)
{
  static const char *const none[] = { "" }, *const interface[] = { "INTERFACE" };

  if (is_among(entry, "PROTO", none, 1) || is_among(entry, "TCP", of_ends, sizeof of_ends / sizeof *of_ends))
    return 1;
  if (family == PATH)
    return is_among(entry, "UNIX", of_paths, sizeof of_paths / sizeof *of_paths);
  return family == IP6 &&
      (is_among(entry, "TCP6", of_ends, sizeof of_ends / sizeof *of_ends) ||
       is_among(entry, "TCP6", interface, 1));
}

/* Take out what is replaced, and begin to write. */
static struct writer begin(const struct usys_room *room, enum family family)
{
  struct writer writer = { .next = room->environ, .text = room->spare };
  char *const *entry;

  for (entry = room->environ; *entry; ++entry)
    if (!is_replaced(*entry, family))
      *writer.next++ = *entry;
  return writer;
}

static void finish(const struct writer *writer, struct usys_room *room)
{
  *writer->next = NULL;
  room->spare_length -= (size_t)(writer->text - room->spare);
  room->spare = writer->text;
}

void usys_put_client_variables(const char *local_host, const struct usys_peer ends[2],
                               const char *const texts[2], struct usys_room *room)
{
  int is_ip6 = ends[1].length == USYS_IP6;
  struct writer writer = begin(room, is_ip6 ? IP6 : IP4);

  add(&writer, "", "PROTO", is_ip6 ? "TCP6" : "TCP");
  add_ends(&writer, "TCP", local_host, ends, texts);
  if (is_ip6)
    add_ends(&writer, "TCP6", local_host, ends, texts);
  finish(&writer, room);
}

void usys_put_path_variables(const char *path, long fd, struct usys_room *room)
{
  struct writer writer = begin(room, PATH);
  struct ucred other = { 0 };
  socklen_t size = sizeof other;

  usys_bare6(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, (long)(intptr_t)&other, (long)(intptr_t)&size, 0);
  add(&writer, "", "PROTO", "UNIX");
  add(&writer, "UNIX", "LOCALPATH", path);
  add_number(&writer, "UNIX", "LOCALUID", (unsigned)usys_bare(SYS_getuid, 0, 0, 0, 0));
  add_number(&writer, "UNIX", "LOCALGID", (unsigned)usys_bare(SYS_getgid, 0, 0, 0, 0));
  add_number(&writer, "UNIX", "LOCALPID", (unsigned)usys_bare(SYS_getpid, 0, 0, 0, 0));
  add_number(&writer, "UNIX", "REMOTEPID", (unsigned)other.pid);
  add_number(&writer, "UNIX", "REMOTEEUID", other.uid);
  add_number(&writer, "UNIX", "REMOTEEGID", other.gid);
  finish(&writer, room);
}

#else

void usys_put_client_variables(const char *local_host, const struct usys_peer ends[2],
                               const char *const texts[2], struct usys_room *room)
{
  (void)local_host;
  (void)ends;
  (void)texts;
  (void)room;
}

void usys_put_path_variables(const char *path, long fd, struct usys_room *room)
{
  (void)path;
  (void)fd;
  (void)room;
}

#endif
