/* Which connection a descriptor is, beyond its life in this process. */
#ifndef USYS_CONNECTIONIDENTITY_H
#define USYS_CONNECTIONIDENTITY_H

#include <sys/socket.h>

/* asm-generic/socket.h; headers before Linux 4.12 have none. */
#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

/* A struct inet_diag_req_v2 (linux/inet_diag.h): the question to sock_diag(7) for this
 * one connection and its counters.  Its last bytes are the socket's cookie, a number
 * that the kernel gives to no other socket. */
enum { USYS_COOKIE_AT = 48, USYS_COOKIE_SIZE = 8, USYS_IDENTITY_SIZE = USYS_COOKIE_AT + USYS_COOKIE_SIZE };

/* Fill in the identity of a connected socket.  Of a UNIX-domain socket only the cookie
 * is set.  Returns 0, or an errno: ENOPROTOOPT before Linux 4.12. */
int usys_identify(int descriptor, unsigned char *identity);

#endif
