/* A client's address as text, taken apart. */
#ifndef UCDB_CLIENTADDRESS_H
#define UCDB_CLIENTADDRESS_H

#include <stdint.h>

#include "rules/networkkey.h"

/* As it is filed, and its bits where it has some.  The text points into the
 * address that was given, or at `canonical`. */
struct ucdb_client {
  const unsigned char *text;
  uint32_t len;
  int bits; /* 32, 128, or 0 for what is no address */
  unsigned char packed[16];
  unsigned char canonical[UCDB_FULL6_SIZE];
};

/* Any text; an IPv6 address may have a scope, which does not count, and an IPv4
 * address may wear IPv6 clothes. */
void ucdb_read_client(struct ucdb_client *client, const unsigned char *ip, uint32_t len);

#endif
