/* Finding the records under many keys at once. */
#ifndef UCDB_FINDMANY_H
#define UCDB_FINDMANY_H

#include "cdb/imagefault.h"
#include "cdb/image.h"

/* Keys searched together: while one waits for memory, the others go on.  More
 * than 16 gained nothing where it was measured. */
enum { UCDB_GROUP = 16 };

/* A key, and where the data of its first record lies: position 0 when absent. */
struct ucdb_wanted {
  const unsigned char *key;
  uint64_t len;
  struct ucdb_span data;
};

/* Fill in the data of count keys, at most UCDB_GROUP.  UCDB_MALFORMED with
 * *fault set when a key, the first that does so, meets damage; else UCDB_FOUND. */
enum ucdb_status ucdb_find_group(const struct ucdb_image *im, struct ucdb_wanted *wanted, int count,
                                 struct ucdb_fault *fault);

#endif
