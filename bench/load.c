/* A load of connections, cheap enough never to be what is measured.
 *
 *     load PORT CONNECTIONS CLIENTS BYTES [end|reset|v2]
 *
 * CLIENTS processes connect to 127.0.0.1 one after the other, each time reading
 * to the end, which must be after BYTES bytes; with "end" they say at once that
 * they will send nothing, with "reset" they are gone at once, and with "v2" they
 * send a PROXY header that names a client of 192.0.2.0/24, and nothing behind it.
 * Prints connections per second, then the 50th, 90th and 99th percentile and the
 * maximum of a connection's time in microseconds.
 *
 * The client resets at the end (SO_LINGER 0), so no port stays in TIME_WAIT. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void give_up(const char *what)
{
  perror(what);
  _exit(1);
}

/* A header of the PROXY protocol, version 2, as a balancer sends it for one of its clients. */
static void send_header(int fd, unsigned number)
{
  unsigned char header[28] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\0\x7f\0\0\1\x9c\x40\0\x19";

  header[19] = (unsigned char)(number % 256);
  if (write(fd, header, sizeof header) != sizeof header)
    give_up("write");
}

/* One connection; the source address rotates so that no port is used again soon. */
static void visit(uint16_t port, unsigned number, long bytes, const char *how)
{
  struct sockaddr_in here = { .sin_family = AF_INET }, there = here;
  struct linger reset = { 1, 0 };
  const char *patience = getenv("LOAD_PATIENCE"); /* seconds */
  struct timeval limit = { patience ? atol(patience) : 100, 0 };
  char buffer[4096];
  long got = 0;
  ssize_t n;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1, off = 0;

  if (fd == -1)
    give_up("socket");
  here.sin_addr.s_addr = htonl(0x7f000001u + number % 200);
  there.sin_addr.s_addr = htonl(0x7f000001u);
  there.sin_port = htons(port);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (!strcmp(how, "v2")) /* as HAProxy: the header goes with the last packet of the handshake */
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
  if (bind(fd, (struct sockaddr *)&here, sizeof here) == -1)
    give_up("bind");
  if (connect(fd, (struct sockaddr *)&there, sizeof there) == -1)
    give_up("connect");
  if (!strcmp(how, "reset")) {
    close(fd);
    return;
  }
  if (!strcmp(how, "v2"))
    send_header(fd, number);
  if (!strcmp(how, "end"))
    shutdown(fd, SHUT_WR);
  while ((n = read(fd, buffer, sizeof buffer)) > 0)
    got += n;
  if (n == -1)
    give_up("read");
  if (got != bytes) {
    fprintf(stderr, "load: %ld bytes instead of %ld\n", got, bytes);
    _exit(1);
  }
  close(fd);
}

static int by_size(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

  return (x > y) - (x < y);
}

static int number(const char *text)
{
  int n = atoi(text);

  if (n < 0)
    exit(100);
  return n;
}

int main(int argc, char **argv)
{
  uint64_t *times, start, end;
  int each, clients, total, i, j, status, failed = 0;

  if (argc != 5 && argc != 6) {
    fprintf(stderr, "load: usage: load port connections clients bytes [end|reset|v2]\n");
    return 100;
  }
  clients = number(argv[3]);
  if (clients < 1)
    return 100;
  each = number(argv[2]) / clients;
  total = each * clients;
  if (total < 1)
    return 100;
  times = mmap(NULL, (size_t)total * sizeof *times, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (times == MAP_FAILED)
    give_up("mmap");
  start = now();
  for (i = 0; i < clients; i++) {
    pid_t pid = fork();

    if (pid == -1)
      give_up("fork");
    if (pid > 0)
      continue;
    for (j = 0; j < each; j++) {
      uint64_t begin = now();

      visit((uint16_t)number(argv[1]), (unsigned)(i * each + j), atol(argv[4]), argc == 6 ? argv[5] : "");
      times[i * each + j] = now() - begin;
    }
    _exit(0);
  }
  while (wait(&status) > 0)
    failed |= status;
  end = now();
  if (failed)
    return 1;
  qsort(times, (size_t)total, sizeof *times, by_size);
  printf("%.1f %.1f %.1f %.1f %.1f\n", total * 1e9 / (double)(end - start),
         (double)times[total / 2] / 1e3, (double)times[total * 9 / 10] / 1e3,
         (double)times[total * 99 / 100] / 1e3, (double)times[total - 1] / 1e3);
  return 0;
}
