/* Which prefix lengths the network rules of an image have. */
#ifndef UCDB_PREFIXLENGTHS_H
#define UCDB_PREFIXLENGTHS_H

#include "cdb/imagefault.h"
#include "cdb/image.h"
#include "rules/networkkey.h"

/* Shorter prefixes are never looked up. */
enum { UCDB_LENGTH_MIN = 2 };

struct ucdb_lengths {
  unsigned char four[UCDB_KEY4_MAX]; /* four[n]: a key of "_" and n bytes is there */
  unsigned char six[UCDB_KEY6_MAX];  /* six[n]: a key of "^" and n bytes is there */
  unsigned char any;                 /* one of these */
  unsigned int width;                /* of the sieve, as cdb/hashsieve.h has it; 0 without one */
  const uint64_t *sieve;
};

/* One walk over all records: UCDB_ABSENT at their end, or UCDB_MALFORMED with
 * *fault set.  *lengths begins as zeros. */
int ucdb_rules_lengths(const struct ucdb_image *im, struct ucdb_lengths *lengths, struct ucdb_fault *fault);

#endif
