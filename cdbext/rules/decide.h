/* Which rule decides about a client. */
#ifndef UCDB_DECIDE_H
#define UCDB_DECIDE_H

#include "cdb/imagefault.h"
#include "cdb/image.h"
#include "rules/prefixlengths.h"

/* The longest network around a client, by its address as text: the position of
 * its record, 0 when none has a rule, -1 when *fault is set. */
int64_t ucdb_rules_around(const struct ucdb_image *im, const struct ucdb_lengths *lengths,
                          const unsigned char *ip, uint32_t len, struct ucdb_fault *fault);

/* The same for a client without a name: its address, its dotted prefixes, the
 * networks around it, everybody. */
int64_t ucdb_rules_decide(const struct ucdb_image *im, const struct ucdb_lengths *lengths,
                          const unsigned char *ip, uint32_t len, struct ucdb_fault *fault);

#endif
