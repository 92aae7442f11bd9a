#include "mover/buffers.h"

#include "system/baresyscall.h"
#if !USYS_BARE
#include <stdlib.h>
#endif

enum { LARGE = LARGE_BLOCK + BLOCK_SLACK + 2 * LARGE_BLOCK };

static char blocks[2][SMALL_BLOCK + BLOCK_SLACK], converted[2][2 * SMALL_BLOCK];

struct buffer buffers[2] = {
  { SMALL_BLOCK, blocks[0], converted[0] },
  { SMALL_BLOCK, blocks[1], converted[1] }
};

/* Return so much memory more, or NULL. */
static char *take(size_t size)
{
#if USYS_BARE
  long start = usys_bare(SYS_brk, 0, 0, 0, 0), end = start + (long)size;

  return usys_bare(SYS_brk, end, 0, 0, 0) == end ? (char *)(uintptr_t)start : NULL;
#else
  return malloc(size);
#endif
}

void enlarge_buffers(size_t count)
{
  size_t i;

  for (i = 0; i < count; ++i) {
    char *memory = take(LARGE);

    if (!memory)
      return;
    buffers[i].size = LARGE_BLOCK;
    buffers[i].block = memory;
    buffers[i].converted = memory + LARGE_BLOCK + BLOCK_SLACK;
  }
}
