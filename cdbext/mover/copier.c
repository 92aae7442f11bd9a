/* Theory of operation.  Each direction holds at most one block, which is written
 * before more is read, so memory is bounded and nobody reads ahead.  A reader that
 * does not read holds up only its own direction.
 *
 * The descriptors 0 and 1 are shared with other processes, so their blocking flag
 * stays as it is.  Instead, poll says first that there is room, and a write is
 * then no larger than what certainly fits.  `ucspi/unix/relay.py` and
 * `ucspi/programs/_stdio_copier.py` do the same in Python. */
#include "mover/copier.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "lines/crlf.h"
#include "mover/buffers.h"
#include "mover/descriptors.h"
#include "mover/record.h"

struct way {
  int source, target;
  enum kind kind;      /* of the target */
  size_t most;         /* bytes that it takes without blocking once it is ready */
  const char *waiting; /* what is to be written */
  size_t left;
  int has_begun; /* anything was read, if only the end */
  int is_over;   /* nothing will be read or written any more */
  int behind_cr; /* the last byte was a carriage return */
  struct record record;
  struct buffer *buffer;
};

static void open_way(struct way *way, int source, int target)
{
  way->source = source;
  way->target = target;
  way->kind = kind_of(target);
  way->most = way->kind == KIND_REGULAR ? LARGE_BLOCK : PIPE_BUF;
}

static void convert(const struct order *order, struct way *way, size_t length)
{
  if (order->is_recording) {
    record_block(&way->record, way->buffer->block, length);
    way->waiting = way->buffer->block;
    way->left = length;
  } else {
    way->left = usys_fix_cr(way->buffer->block, length, way->buffer->converted, &way->behind_cr);
    way->waiting = way->buffer->converted;
  }
}

/* Read and convert a block; an error counts as the end.  Returns whether it is the end. */
static int read_block(const struct order *order, struct way *way)
{
  long length = read_now(way->source, way->buffer->block, way->buffer->size);

  if (length == -EAGAIN)
    return 0;
  way->has_begun = 1;
  if (length > 0) {
    convert(order, way, (size_t)length);
    return 0;
  }
  way->is_over = 1;
  return 1;
}

static void read_input(const struct order *order, struct way *there)
{
  if (!read_block(order, there))
    return;
  if (order->is_recording)
    record_end(&there->record);
  close_one(there->target);
}

static void read_output(const struct order *order, struct way *there, struct way *back)
{
  if (!read_block(order, back))
    return;
  /* A program that ends at once may be gone before we have read its input.
   * What arrived before it ended belongs in the log. */
  if (!there->has_begun && is_readable(there->source))
    read_input(order, there);
  if (order->is_recording)
    record_end(&back->record);
}

/* Write what the target takes; an error ends the direction. */
static void deliver(struct way *way)
{
  long written;

  if (way->kind == KIND_SOCKET)
    written = send_now(way->target, way->waiting, way->left);
  else
    written = write_now(way->target, way->waiting, way->left < way->most ? way->left : way->most);
  if (written == -EAGAIN)
    return;
  if (written < 0) {
    way->left = 0;
    way->is_over = 1;
    return;
  }
  way->waiting += written;
  way->left -= (size_t)written;
}

/* Where nothing is waited for, poll skips the negative number. */
static struct pollfd awaited(const struct way *way)
{
  struct pollfd polled = { .fd = -1 };

  if (!way->is_over) {
    polled.fd = way->left ? way->target : way->source;
    polled.events = way->left ? POLLOUT : POLLIN;
  }
  return polled;
}

long copy(const struct order *order)
{
  static struct way there, back;

  open_way(&there, 0, order->to_program);
  open_way(&back, order->from_program, 1);
  stop_blocking(there.target); /* nobody else has this end */
  there.most = LARGE_BLOCK;
  there.buffer = buffers;
  back.buffer = buffers + 1;
  if (!order->is_recording) /* it shall read little at once: most of what is logged is then also delivered */
    enlarge_buffers(2);
  record_begin(&there.record, order->pid, order->digits, '<');
  record_begin(&back.record, order->pid, order->digits, '>');
  while (!back.is_over) {
    struct pollfd polled[2] = { awaited(&there), awaited(&back) };
    long error = wait_for_any(polled, 2);

    if (error)
      return error;
    if (polled[0].revents) {
      if (there.left)
        deliver(&there);
      else
        read_input(order, &there);
    }
    if (polled[1].revents) {
      if (back.left)
        deliver(&back);
      else
        read_output(order, &there, &back);
    }
  }
  return 0;
}
