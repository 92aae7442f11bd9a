/* The log of recordio: what passes, in pieces of 256 bytes, on descriptor 2. */
#ifndef MOVER_RECORD_H
#define MOVER_RECORD_H

#include <stddef.h>

enum { RECORD_HEAD = 24 }; /* the program's pid, a mark and two blanks */

struct record {
  char head[RECORD_HEAD]; /* begins each line */
  size_t head_length;
};

/* Begin the log of one direction; the pid has at most 20 digits. */
void record_begin(struct record *record, const char *pid, size_t digits, char mark);

/* Log a block: a line for each of its lines.  A failure to write is ignored.
 * Seven bytes behind the block are read too, whatever they are. */
void record_block(const struct record *record, const char *block, size_t length);

/* Log the end. */
void record_end(const struct record *record);

#endif
