/* Finding the records under a key. */
#ifndef UCDB_FIND_H
#define UCDB_FIND_H

#include "cdb/imagefault.h"
#include "cdb/image.h"

/* Where a search stands; all zeros begins one. */
struct ucdb_cursor {
  uint64_t table; /* position of the table, checked to lie inside */
  uint64_t hash;
  uint64_t slots;
  uint64_t index; /* the next slot to look at */
  uint64_t left;  /* slots not yet looked at */
  int begun;
};

/* Find the next record under key, in the order added; its data into *data.
 * UCDB_FOUND, UCDB_ABSENT (no more), or UCDB_MALFORMED with *fault set; after
 * the last two the search is over.  At most all slots of one table are seen. */
enum ucdb_status ucdb_find(const struct ucdb_image *im, struct ucdb_cursor *cur, const unsigned char *key,
                           uint64_t len, struct ucdb_span *data, struct ucdb_fault *fault);

#endif
