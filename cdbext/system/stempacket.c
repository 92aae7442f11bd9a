#include "system/stempacket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD = 4 * sizeof(uint32_t) };

static int received(struct msghdr *message)
{
  struct cmsghdr *head = CMSG_FIRSTHDR(message);
  int descriptor = -1;

  if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
      head->cmsg_len >= CMSG_LEN(sizeof descriptor))
    memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
  return descriptor;
}

static int understand(const char *text, size_t length, struct usys_packet *packet)
{
  uint32_t head[4];

  if (length < HEAD)
    return -1;
  memcpy(head, text, HEAD);
  if (head[0] > USYS_KEEP || (uint64_t)head[2] + head[3] != length - HEAD)
    return -1;
  packet->kind = head[0];
  packet->slot = head[1];
  packet->first = text + HEAD;
  packet->first_length = head[2];
  packet->second = packet->first + head[2];
  packet->second_length = head[3];
  return 0;
}

int usys_receive_packet(int channel, int flags, char *buffer, struct usys_packet *packet)
{
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof packet->descriptor)];
  struct iovec piece = { .iov_base = buffer, .iov_len = USYS_PACKET_MAX };
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
  };
  ssize_t length = recvmsg(channel, &message, flags | MSG_CMSG_CLOEXEC);

  if (length < 0)
    return -1;
  packet->descriptor = received(&message);
  if (!length)
    return 0;
  if (!understand(buffer, (size_t)length, packet))
    return 1;
  if (packet->descriptor >= 0)
    close(packet->descriptor);
  errno = EBADMSG;
  return -1;
}
