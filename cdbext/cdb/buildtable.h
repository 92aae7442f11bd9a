/* Building the hash tables. */
#ifndef UCDB_BUILDTABLE_H
#define UCDB_BUILDTABLE_H

#include <stdint.h>

/* Fill one table: each entry (hash, record position: a slot of the format), in
 * the order added, goes to the first free slot from its own on.
 * table has room for twice as many slots as there are entries. */
void ucdb_table(const unsigned char *entries, uint64_t count, unsigned char *table, int format);

#endif
