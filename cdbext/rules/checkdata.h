/* Whether the data of an image's records can be that of rules. */
#ifndef UCDB_CHECKDATA_H
#define UCDB_CHECKDATA_H

#include "cdb/imagefault.h"
#include "cdb/image.h"

/* One walk over all records: UCDB_ABSENT when their data is sound, or
 * UCDB_MALFORMED with *fault set.  Sound is nothing at all, or pieces, each
 * ended by a NUL and none of them empty, of which the first begins with D or +.
 * In what a hole leaves of such data there is a NUL too many. */
int ucdb_rules_data(const struct ucdb_image *im, struct ucdb_fault *fault);

#endif
