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

#endif
