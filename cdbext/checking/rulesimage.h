/* Rules text to an image in memory, by the C core alone: lines that are for the parser are passed over. */
#ifndef CHECKING_RULESIMAGE_H
#define CHECKING_RULESIMAGE_H

#include "cdb/image.h"

/* Records as they stand in a cdb file, and the line of each. */
struct records {
  unsigned char *bytes;
  uint64_t used, room;
  uint32_t *lines;
  uint64_t count;
  uint64_t rules;
};

/* Append the records of whole lines, through a buffer of that room. */
void compile_lines(struct records *records, const unsigned char *text, uint64_t len, uint64_t room);

/* A room that has place for any one line of a text. */
uint64_t least_room(uint64_t len);

/* The image of records, which the caller frees. */
struct ucdb_image image_of(const struct records *records);

void free_records(struct records *records);

#endif
