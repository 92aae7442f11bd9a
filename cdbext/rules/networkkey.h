/* Networks and IPv6 addresses as the keys of rules; ucspi/rules/_networkkey.py has the forms. */
#ifndef UCDB_NETWORKKEY_H
#define UCDB_NETWORKKEY_H

#include <stddef.h>

enum {
  UCDB_KEY4_MAX = 33,  /* "_" and a byte for each bit */
  UCDB_KEY6_MAX = 129, /* "^" and a byte for each bit */
  UCDB_FULL6_SIZE = 39 /* eight groups of four digits, and the colons between them */
};

/* Write the key of the network that the first `bits` bits are (at most 32, or
 * 128); return its length.  The key buffer has room for the longest one, and all
 * of that is written. */
size_t ucdb_key4(const unsigned char packed[4], int bits, unsigned char *key);
size_t ucdb_key6(const unsigned char packed[16], int bits, unsigned char *key);

/* The address that such a key of so many bits begins with, and zeros; 0 if it is
 * no such key.  16 bytes are written. */
int ucdb_read_bits(const unsigned char *key, int bits, unsigned char packed[16]);

/* Write the key of a single IPv6 address: UCDB_FULL6_SIZE bytes. */
size_t ucdb_full6(const unsigned char packed[16], unsigned char *key);

/* An IPv6 address in any legal spelling, as the system reads it; 0 if it is none. */
int ucdb_read6(const unsigned char *text, size_t len, unsigned char packed[16]);

/* Whether these 16 bytes are an IPv4 address in IPv6 clothes. */
int ucdb_is_mapped(const unsigned char packed[16]);

/* Whether a bit beyond the first `bits` is set, of `size` bytes. */
int ucdb_has_more(const unsigned char *packed, int size, int bits);

#endif
