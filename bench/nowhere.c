/* A DNS server that says at once of every name that it does not exist.
 *
 *     nowhere IP
 *
 * Serves port 53 of an address until it is killed; prints a line when it does.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sockaddr_in here = {.sin_family = AF_INET}, client;
  unsigned char packet[512];
  int fd = socket(AF_INET, SOCK_DGRAM, 0);

  here.sin_port = htons(53);
  if (argc != 2 || inet_pton(AF_INET, argv[1], &here.sin_addr) != 1 ||
      fd == -1 || bind(fd, (struct sockaddr *)&here, sizeof here) == -1) {
    perror("nowhere");
    return 1;
  }
  puts("serving");
  fflush(stdout);
  for (;;) {
    socklen_t size = sizeof client;
    ssize_t length = recvfrom(fd, packet, sizeof packet, 0,
                              (struct sockaddr *)&client, &size);

    if (length < 12)
      continue;
    packet[2] = 0x81; /* an answer; recursion was wanted */
    packet[3] = 0x83; /* recursion is available; no such name */
    sendto(fd, packet, (size_t)length, 0, (struct sockaddr *)&client, size);
  }
}
