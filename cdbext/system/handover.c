#include "system/handover.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int usys_hand_over(int channel, int descriptor, const char *packet, size_t length)
{
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = { 0 };
  struct iovec piece = { .iov_base = (void *)(uintptr_t)packet, .iov_len = length };
  struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
  struct cmsghdr *head;
  ssize_t sent;

  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  }
  do
    sent = sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0)
    return errno;
  if (descriptor >= 0)
    close(descriptor);
  return 0;
}
