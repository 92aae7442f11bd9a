/* The cdb hash.  Source: cr.yp.to/cdb/cdb.txt. */
#ifndef UCDB_HASH_H
#define UCDB_HASH_H

#include <stddef.h>
#include <stdint.h>

uint32_t ucdb_hash(const unsigned char *key, size_t len);

#endif
