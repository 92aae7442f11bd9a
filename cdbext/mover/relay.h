/* proxyio: between a client on descriptors 0 and 1 and a server on 6 and 7. */
#ifndef MOVER_RELAY_H
#define MOVER_RELAY_H

/* Copy both ways until both have ended.  Returns 0, or -errno. */
long relay(void);

#endif
