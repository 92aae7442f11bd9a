/* Walking through the records that are the first under their key. */
#ifndef UCDB_WALKDISTINCT_H
#define UCDB_WALKDISTINCT_H

#include "cdb/find.h"
#include "cdb/findmany.h"
#include "cdb/walk.h"

/* Where such a walk stands; all zeros begins one.  It runs a group of records
 * ahead, asking for the slot of each, so that their waits for memory overlap. */
struct ucdb_distinct {
  struct ucdb_walker walker;
  struct ucdb_record records[UCDB_GROUP];
  struct ucdb_cursor cursors[UCDB_GROUP];
  enum ucdb_status begun[UCDB_GROUP]; /* what choosing the table gave */
  struct ucdb_fault fault;            /* of the walk, after these records */
  enum ucdb_status walked;            /* how the last step ahead ended */
  int count;
  int next;
};

/* Next record that is the first under its key, into *record: UCDB_FOUND,
 * UCDB_ABSENT at the end, or UCDB_MALFORMED with *fault set. */
enum ucdb_status ucdb_walk_distinct(const struct ucdb_image *im, struct ucdb_distinct *walk,
                                    struct ucdb_record *record, struct ucdb_fault *fault);

#endif
