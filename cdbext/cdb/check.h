/* Checking a whole image. */
#ifndef UCDB_CHECK_H
#define UCDB_CHECK_H

#include "cdb/imagefault.h"
#include "cdb/image.h"

/* Bytes of scratch that ucdb_check needs: one bit per byte of the records. */
uint64_t ucdb_check_scratch(const struct ucdb_image *im);

/* The first damage into *fault, in this order: the pointers, the records from
 * first to last, the slots of each table, records that no slot names.
 * fault->damage is UCDB_SOUND when there is none.  scratch must be zeros.
 * Records that tinycdb removed are damage unless removed_are_sound: a hole in
 * a file looks like nothing but such records. */
void ucdb_check(const struct ucdb_image *im, unsigned char *scratch, int removed_are_sound,
                struct ucdb_fault *fault);

#endif
