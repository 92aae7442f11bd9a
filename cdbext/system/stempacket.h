/* Receiving what a server sends to a stem, or to a process that a stem has forked. */
#ifndef USYS_STEMPACKET_H
#define USYS_STEMPACKET_H

#include <stddef.h>
#include <stdint.h>

/* As ucspi/unix/stemchannel.py has them. */
enum { USYS_PACKET_MAX = 204800, USYS_BASE = 0, USYS_SERVE = 1, USYS_KEEP = 2 };

struct usys_packet {
  uint32_t kind, slot;
  const char *first, *second; /* texts in the buffer */
  size_t first_length, second_length;
  int descriptor; /* the caller's; -1: none came, or no number was left for it */
};

/* Wait for a packet, which is only looked at if flags have MSG_PEEK.
 *
 * Returns 1; 0 at the end of the channel; or -1 with an errno, which is EBADMSG for what is
 * no packet. */
int usys_receive_packet(int channel, int flags, char *buffer, struct usys_packet *packet);

#endif
