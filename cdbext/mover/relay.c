/* Theory of operation.  Each direction holds at most one block, which is written
 * before more is read, so memory is bounded, nobody reads ahead, and a reader that
 * does not read holds up only its own direction.
 *
 * A direction ends with its source: then its target is told so, and the other
 * direction goes on.  It also ends when nobody reads its target any more, which poll
 * reports at once.  `ucspi/programs/_proxyio_copy.py` does the same in Python.
 *
 * Most streams are short, so they are read and written.  From the first block on that
 * was full the kernel moves them, if the target is a socket. */
#include "mover/relay.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "mover/buffers.h"
#include "mover/bulk.h"
#include "mover/descriptors.h"

enum { CLIENT_IN = 0, CLIENT_OUT = 1, SERVER_IN = 6, SERVER_OUT = 7 };

struct way {
  int source, target;
  enum kind kind; /* of the target */
  size_t most;    /* bytes that a target which is no socket takes without blocking once it is ready */
  const char *waiting;
  size_t left;  /* to be written: of `waiting`, or in the pipe */
  int was_full; /* a block, so more will come */
  int is_over;
  struct buffer *buffer;
  struct bulk bulk;
};

static void open_way(struct way *way, int source, int target, struct buffer *buffer)
{
  way->source = source;
  way->target = target;
  way->kind = kind_of(target);
  way->most = way->kind == KIND_REGULAR ? LARGE_BLOCK : PIPE_BUF;
  way->buffer = buffer;
}

/* Write what the target takes; an error ends the direction. */
static void deliver(struct way *way)
{
  long written;

  if (way->bulk.is_on)
    written = drain_bulk(&way->bulk, way->left);
  else if (way->kind == KIND_SOCKET)
    written = send_now(way->target, way->waiting, way->left);
  else
    written = write_now(way->target, way->waiting, way->left < way->most ? way->left : way->most);
  if (written == -EAGAIN)
    return;
  if (written <= 0) {
    way->left = 0;
    way->is_over = 1;
    return;
  }
  way->waiting += written;
  way->left -= (size_t)written;
}

static long take_block(struct way *way)
{
  long length;

  if (way->was_full && way->kind == KIND_SOCKET)
    begin_bulk(&way->bulk, way->target);
  if (way->bulk.is_on) {
    length = fill_bulk(&way->bulk, way->source);
    if (length != -EINVAL)
      return length;
    give_up_bulk(&way->bulk);
  }
  length = read_now(way->source, way->buffer->block, way->buffer->size);
  way->waiting = way->buffer->block;
  way->was_full = length == LARGE_BLOCK;
  return length;
}

/* Read a block; an error counts as the end. */
static void proceed(struct way *way)
{
  long length = take_block(way);

  if (length == -EAGAIN)
    return;
  if (length > 0) {
    way->left = (size_t)length;
    if (way->kind == KIND_SOCKET) /* mostly there is room: poll need not say so */
      deliver(way);
    return;
  }
  way->is_over = 1;
  end_output(way->target, way->kind);
}

/* Say what is waited for: the one end of the direction and, unasked, an error of the other one.  Where nothing
 * is waited for, poll skips the negative numbers. */
static void await(const struct way *way, struct pollfd polled[2])
{
  polled[0].fd = polled[1].fd = -1;
  if (way->is_over)
    return;
  polled[0].fd = way->left ? way->target : way->source;
  polled[0].events = way->left ? POLLOUT : POLLIN;
  if (!way->left)
    polled[1].fd = way->target;
}

static void act(struct way *way, const struct pollfd polled[2])
{
  if (polled[1].revents)
    way->is_over = 1;
  else if (polled[0].revents && way->left)
    deliver(way);
  else if (polled[0].revents)
    proceed(way);
}

long relay(void)
{
  static struct way there, back;
  long error = 0;

  enlarge_buffers(2);
  open_way(&there, CLIENT_IN, SERVER_OUT, buffers);
  open_way(&back, SERVER_IN, CLIENT_OUT, buffers + 1);
  while (!error && !(there.is_over && back.is_over)) {
    struct pollfd polled[4] = { { 0 } };

    await(&there, polled);
    await(&back, polled + 2);
    error = wait_for_any(polled, 4);
    if (!error) {
      act(&there, polled);
      act(&back, polled + 2);
    }
  }
  end_bulk(&there.bulk);
  end_bulk(&back.bulk);
  return error;
}
