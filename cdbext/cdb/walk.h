/* Walking through all records, in the order added. */
#ifndef UCDB_WALK_H
#define UCDB_WALK_H

#include "cdb/imagefault.h"
#include "cdb/image.h"

/* Where a walk stands; all zeros begins one. */
struct ucdb_walker {
  uint64_t pos; /* of the next record */
  uint64_t end; /* of the records */
};

/* Next record into *record: UCDB_FOUND, UCDB_ABSENT at the end, or
 * UCDB_MALFORMED with *fault set; after that it stays at the end. */
enum ucdb_status ucdb_walk(const struct ucdb_image *im, struct ucdb_walker *walker,
                           struct ucdb_record *record, struct ucdb_fault *fault);

#endif
