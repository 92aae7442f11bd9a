/* Addresses as text.  libc's ways may touch errno, which is the server's. */
#ifndef USYS_ADDRESSTEXT_H
#define USYS_ADDRESSTEXT_H

enum { USYS_IP6 = 16 /* bytes */ };

/* Read an IPv6 address, 16 bytes.  A zone behind it does not count.
 *
 * Returns 0 where the text is none, or an IPv4 address in IPv6 form. */
int usys_read_ip6(const char *text, unsigned char *ip);

#endif
