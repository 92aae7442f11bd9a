/* Which prefix lengths the network rules of an image have. */
#ifndef UCDB_LENGTHS_H
#define UCDB_LENGTHS_H

#include "damage.h"
#include "image.h"

struct ucdb_lengths {
  unsigned char four[33]; /* four[n]: a key of "_" and n bytes is there */
  unsigned char six[129]; /* six[n]: a key of "^" and n bytes is there */
};

/* One walk over all records: UCDB_ABSENT at their end, or UCDB_MALFORMED with
 * *fault set.  *lengths begins as zeros. */
int ucdb_rules_lengths(const struct ucdb_image *im,
                       struct ucdb_lengths *lengths, struct ucdb_fault *fault);

/* The first key that is there among bytes[0 .. size), for each size in turn:
 * its size; 0 when none is, -1 when *fault is set.  No size is 0. */
int ucdb_rules_first(const struct ucdb_image *im, const unsigned char *bytes,
                     const unsigned char *sizes, uint32_t count,
                     struct ucdb_fault *fault);

/* The same among an address, of up to 255 bytes, and its prefixes that end in a
 * dot, the longest first. */
int ucdb_rules_dotted(const struct ucdb_image *im, const unsigned char *ip,
                      uint32_t len, struct ucdb_fault *fault);

#endif
