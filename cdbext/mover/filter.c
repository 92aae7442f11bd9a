#include "mover/filter.h"

#include <stddef.h>

#include "lines/crlf.h"
#include "mover/buffers.h"
#include "mover/descriptors.h"

enum { EXIT_TEMPORARY = 111 };

int add_carriage_returns(void)
{
  const struct buffer *buffer = buffers;
  long length;

  enlarge_buffers(1);
  while ((length = read_some(0, buffer->block, buffer->size)) > 0)
    if (write_all(1, buffer->converted, usys_add_cr(buffer->block, (size_t)length, buffer->converted)))
      return EXIT_TEMPORARY;
  return length ? EXIT_TEMPORARY : 0;
}

/* A carriage return at the end of a block is held back until the next byte is known. */
int remove_carriage_returns(void)
{
  const struct buffer *buffer = buffers;
  size_t held = 0;
  long got;

  enlarge_buffers(1);
  while ((got = read_some(0, buffer->block + held, buffer->size)) > 0) {
    size_t length = held + (size_t)got;

    held = buffer->block[length - 1] == '\r';
    if (write_all(1, buffer->converted, usys_remove_cr(buffer->block, length - held, buffer->converted)))
      return EXIT_TEMPORARY;
    *buffer->block = '\r';
  }
  return got || write_all(1, "\r", held) ? EXIT_TEMPORARY : 0;
}
