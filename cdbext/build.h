/* Building the hash tables. */
#ifndef UCDB_BUILD_H
#define UCDB_BUILD_H

#include <stdint.h>

/* Fill one table: each entry (hash, record position: two little-endian u32),
 * in the order added, goes to the first free slot from its own on.
 * entries has 8 * count bytes, table 16 * count: twice as many slots. */
void ucdb_table(const unsigned char *entries, uint32_t count,
                unsigned char *table);

#endif
