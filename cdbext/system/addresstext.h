/* Addresses as text.  libc's ways may touch errno, which is the server's. */
#ifndef USYS_ADDRESSTEXT_H
#define USYS_ADDRESSTEXT_H

#include <stddef.h>

enum {
  USYS_IP4 = 4, /* bytes */
  USYS_IP6 = 16,
  USYS_ADDRESS_TEXT = 46 /* of an address as text, with the NUL */
};

/* An end of a connection. */
struct usys_peer {
  unsigned char ip[USYS_IP6];
  size_t length; /* of the address */
  unsigned port;
};

/* Read an IPv6 address, 16 bytes.  A zone behind it does not count.
 *
 * Returns 0 where the text is none, or an IPv4 address in IPv6 form. */
int usys_read_ip6(const char *text, unsigned char *ip);

/* Read an address of either kind as inet_pton does, but for an IPv4 address in IPv6 form;
 * a zone is not for IPv4.  Returns its length, 4 or 16, or 0. */
size_t usys_read_ip(const char *text, unsigned char *ip);

/* Show an address as inet_ntop does, at most USYS_ADDRESS_TEXT bytes, but for an IPv4 address in IPv6
 * form.  Returns the length of the text. */
size_t usys_show_ip(const unsigned char *ip, size_t length, char *text);

#endif
