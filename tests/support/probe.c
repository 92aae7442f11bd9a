/* The handler of the differential tests: reports on descriptor 1 all that a
 * process can see of how it was started, then ends as argv[1] says.
 *
 *     probe [ exit CODE | kill SIGNAL | hold | say TEXT ] [ anything ... ]
 *
 * One fact a line, `name value`; bytes are in hexadecimal.  The report opens
 * with the line `probe` and closes with the line `done`.  It is gathered before
 * anything is opened, and written at once, so that it shows the process as the
 * server made it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static char report[1 << 20];
static size_t used;

static void put(const char *text)
{
  size_t len = strlen(text);

  if (used + len > sizeof report)
    _exit(99);
  memcpy(report + used, text, len);
  used += len;
}

static void put_hex(const char *name, const char *bytes)
{
  char two[3];

  put(name);
  put(" ");
  for (; *bytes; bytes++) {
    snprintf(two, sizeof two, "%02x", (unsigned char)*bytes);
    put(two);
  }
  put("\n");
}

static void put_number(const char *name, long long number)
{
  char line[128];

  snprintf(line, sizeof line, "%s %lld\n", name, number);
  put(line);
}

static const char *kind(mode_t mode)
{
  if (S_ISSOCK(mode))
    return "socket";
  if (S_ISFIFO(mode))
    return "pipe";
  if (S_ISCHR(mode))
    return "device";
  return S_ISDIR(mode) ? "directory" : "file";
}

/* Every open descriptor: its kind, whether it is the same thing as 0, whether
 * it blocks. */
static void put_descriptors(void)
{
  struct stat first, here;
  char line[128];
  int fd, flags;

  if (fstat(0, &first) == -1)
    memset(&first, 0, sizeof first);
  for (fd = 0; fd < 1024; fd++) {
    if (fstat(fd, &here) == -1)
      continue;
    flags = fcntl(fd, F_GETFL);
    snprintf(line, sizeof line, "fd %d %s%s%s\n", fd, kind(here.st_mode),
             fd && here.st_ino == first.st_ino && here.st_dev == first.st_dev ? " as-0" : "",
             flags & O_NONBLOCK ? " nonblocking" : "");
    put(line);
  }
}

static void put_socket_option(const char *name, int level, int option)
{
  unsigned char value[64];
  socklen_t len = sizeof value;
  char text[160];
  socklen_t i;
  int at;

  if (getsockopt(0, level, option, value, &len) == -1)
    len = 0;
  at = snprintf(text, sizeof text, "option %s ", name);
  for (i = 0; i < len; i++)
    at += snprintf(text + at, sizeof text - (size_t)at, "%02x", value[i]);
  put(text);
  put("\n");
}

static void put_identity(void)
{
  gid_t groups[256];
  uid_t r, e, s;
  gid_t rg, eg, sg;
  char line[128];
  int i, n;

  getresuid(&r, &e, &s);
  getresgid(&rg, &eg, &sg);
  snprintf(line, sizeof line, "uid %u %u %u\ngid %u %u %u\n", r, e, s, rg, eg, sg);
  put(line);
  n = getgroups(256, groups);
  for (i = 0; i < n; i++)
    put_number("group", (long long)groups[i]);
}

static void put_limits(void)
{
  static const struct { const char *name; int number; } all[] = {
    { "limit nofile", RLIMIT_NOFILE }, { "limit core", RLIMIT_CORE },
    { "limit stack", RLIMIT_STACK }, { "limit nproc", RLIMIT_NPROC },
  };
  struct rlimit value;
  size_t i;

  for (i = 0; i < sizeof all / sizeof all[0]; i++)
    if (getrlimit((__rlimit_resource_t)all[i].number, &value) == 0)
      put_number(all[i].name, (long long)value.rlim_cur);
}

/* Without 32 and 33, which belong to the C library's threads: its posix_spawn,
 * which newer Pythons start a command with, leaves them ignored, and whoever
 * makes a thread then takes them back. */
static void put_ignored(unsigned long long signals)
{
  char text[32];

  snprintf(text, sizeof text, "%016llx\n", signals & ~(3ull << 31));
  put(text);
}

/* Signal dispositions and mask, and other lines of /proc/self/status that a
 * server could disturb. */
static void put_status(void)
{
  static const char *const wanted[] = {
    "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:", "NoNewPrivs:", "Threads:",
  };
  char line[512], *value;
  FILE *status = fopen("/proc/self/status", "r");
  size_t i;

  if (!status)
    return;
  while (fgets(line, sizeof line, status))
    for (i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
      if (!strncmp(line, wanted[i], strlen(wanted[i]))) {
        value = line + strcspn(line, "\t ");
        put("status ");
        put(wanted[i]);
        put(" ");
        if (!strcmp(wanted[i], "SigIgn:"))
          put_ignored(strtoull(value, NULL, 16));
        else
          put(value + strspn(value, "\t "));
      }
  fclose(status);
}

static void gather(int argc, char **argv)
{
  static char cwd[4096];
  mode_t mask;
  int i;

  put("probe\n");
  put_descriptors();
  for (i = 0; i < argc; i++)
    put_hex("argv", argv[i]);
  for (i = 0; environ[i]; i++)
    put_hex("env", environ[i]);
  put_number("pid", getpid());
  put_number("ppid", getppid());
  put_number("pgrp", getpgrp());
  put_number("sid", getsid(0));
  put_hex("cwd", getcwd(cwd, sizeof cwd) ? cwd : "?");
  mask = umask(0);
  umask(mask);
  put_number("umask", (long long)mask);
  put_number("nice", getpriority(PRIO_PROCESS, 0));
  put_number("alarm", (long long)alarm(0));
  put_identity();
  put_limits();
  put_socket_option("nodelay", IPPROTO_TCP, TCP_NODELAY);
  put_socket_option("ip-options", IPPROTO_IP, IP_OPTIONS);
  put_socket_option("tos", IPPROTO_IP, IP_TOS);
  put_socket_option("keepalive", SOL_SOCKET, SO_KEEPALIVE);
  put_socket_option("linger", SOL_SOCKET, SO_LINGER);
  put_socket_option("reuseaddr", SOL_SOCKET, SO_REUSEADDR);
  put_status();
  put("done\n");
}

static void send_report(void)
{
  size_t sent = 0;
  ssize_t n;

  while (sent < used) {
    n = write(1, report + sent, used - sent);
    if (n == -1)
      _exit(98);
    sent += (size_t)n;
  }
}

int main(int argc, char **argv)
{
  const char *order = argc > 1 ? argv[1] : "";
  const char *value = argc > 2 ? argv[2] : "0";
  char byte;

  gather(argc, argv);
  send_report();
  if (!strcmp(order, "exit"))
    return atoi(value);
  if (!strcmp(order, "kill")) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    kill(getpid(), atoi(value));
  }
  if (!strcmp(order, "hold"))
    while (read(0, &byte, 1) > 0)
      ;
  if (!strcmp(order, "say") && write(2, value, strlen(value)) == -1)
    return 97;
  return 0;
}
