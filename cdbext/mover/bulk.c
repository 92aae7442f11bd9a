#include "mover/bulk.h"

#include <errno.h>
#include <fcntl.h>

#include "mover/buffers.h"
#include "mover/descriptors.h"
#include "system/baresyscall.h"

void begin_bulk(struct bulk *bulk, int target)
{
  int ends[2];

  if (bulk->is_on || bulk->is_impossible)
    return;
  if (usys_bare(SYS_pipe2, (long)(intptr_t)ends, O_CLOEXEC, 0, 0)) {
    bulk->is_impossible = 1;
    return;
  }
  bulk->is_on = 1;
  bulk->out = ends[0];
  bulk->in = ends[1];
  bulk->target = target;
  bulk->has_changed = is_blocking(target);
  if (bulk->has_changed)
    stop_blocking(target);
}

static long move(int from, int to, unsigned long length)
{
  long moved;

  do
    moved = usys_bare6(SYS_splice, from, 0, to, 0, (long)length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  while (moved == -EINTR);
  return moved;
}

long fill_bulk(struct bulk *bulk, int source)
{
  return move(source, bulk->in, LARGE_BLOCK);
}

long drain_bulk(struct bulk *bulk, unsigned long length)
{
  return move(bulk->out, bulk->target, length);
}

void give_up_bulk(struct bulk *bulk)
{
  end_bulk(bulk);
  close_one(bulk->in);
  close_one(bulk->out);
  bulk->is_on = 0;
  bulk->is_impossible = 1;
}

void end_bulk(struct bulk *bulk)
{
  if (bulk->is_on && bulk->has_changed)
    block_again(bulk->target);
}
