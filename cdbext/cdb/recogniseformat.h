/* Telling the formats of cdb files apart: none has a mark of its own. */
#ifndef UCDB_RECOGNISEFORMAT_H
#define UCDB_RECOGNISEFORMAT_H

#include "cdb/image.h"

/* The format that an image is in, judged by its structure: every writer puts
 * the tables one after the other in the order of their pointers, so the numbers
 * read in the right width add up, and in the wrong one they do not.  Damage to
 * a part of the header does not deceive it.  UCDB_NO_FORMAT when there are
 * tables, and no two of them in a row.
 *
 * A cdb64 whose first record with a key of more than 3 bytes has a slot with
 * the hash cut to 32 bits is pure-cdb's: up to there the hashes are equal.
 * Damage on the way there means UCDB_CDB64. */
int ucdb_recognise(const unsigned char *base, uint64_t size);

#endif
