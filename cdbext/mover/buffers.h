/* The memory of the mover: small buffers that it always has, large ones on request. */
#ifndef MOVER_BUFFERS_H
#define MOVER_BUFFERS_H

#include <stddef.h>

enum {
  SMALL_BLOCK = 4096,
  LARGE_BLOCK = 65536, /* what a pipe holds */
  BLOCK_SLACK = 8      /* bytes behind a block that can be used too */
};

struct buffer {
  size_t size;     /* bytes of a block */
  char *block;     /* what is read */
  char *converted; /* twice as large: what becomes of it */
};

/* One for each direction. */
extern struct buffer buffers[2];

/* Make so many of the buffers large.  They stay small where a limit forbids it: with a limit of the
 * data segment that is less than what a program has from its start, the kernel would not even start it. */
void enlarge_buffers(size_t count);

#endif
