/* A name server that calls everybody client.test, and is silent about 127.0.9.*.
 *
 *     names [silent]
 *
 * Answers on 127.0.0.1, port 53; with "silent" nobody at all.  Prints a line
 * when it is there. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { HEADER = 12, FIXED = 4 };

static const unsigned char answer[] = "\xc0\x0c\0\x0c\0\x01\0\0\0\x3c\0\x0d\6client\4test";

/* The length of header and question, 0 when it is none or about a silent one. */
static size_t question(const unsigned char *packet, size_t length)
{
  size_t at = HEADER, label;

  for (label = 0; at < length && packet[at]; ++label) {
    if (label == 1 && packet[at] == 1 && packet[at + 1] == '9')
      return 0;
    at += packet[at] + 1u;
  }
  return at + 1 + FIXED <= length ? at + 1 + FIXED : 0;
}

int main(int argc, char **argv)
{
  static const unsigned char flags_and_counts[] = { 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0 };
  struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(53) }, client;
  unsigned char packet[1024];
  int fd = socket(AF_INET, SOCK_DGRAM, 0);

  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd == -1 || bind(fd, (struct sockaddr *)&here, sizeof here) == -1) {
    perror("names");
    return 111;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    socklen_t size = sizeof client;
    ssize_t n = recvfrom(fd, packet, 512, 0, (struct sockaddr *)&client, &size);
    size_t end = n > HEADER ? question(packet, (size_t)n) : 0;

    if (!end || (argc > 1 && !strcmp(argv[1], "silent")))
      continue;
    memcpy(packet + 2, flags_and_counts, sizeof flags_and_counts);
    memcpy(packet + end, answer, sizeof answer);
    sendto(fd, packet, end + sizeof answer, 0, (struct sockaddr *)&client, size);
  }
}
