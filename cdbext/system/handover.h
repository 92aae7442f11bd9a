/* Handing a connection over to another process of ours. */
#ifndef USYS_HANDOVER_H
#define USYS_HANDOVER_H

#include <stddef.h>

/* Send one packet over a channel, without waiting, and a descriptor with it; -1: none.
 *
 * Returns 0: the packet is in the other's queue, and the descriptor is closed here.
 * Otherwise an errno, which is positive so that the caller needs no memory to see
 * it; nothing has happened then. */
int usys_hand_over(int channel, int descriptor, const char *packet, size_t length);

#endif
