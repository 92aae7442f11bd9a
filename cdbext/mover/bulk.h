/* A stream that the kernel moves by itself, from a descriptor into a pipe and from there to a socket. */
#ifndef MOVER_BULK_H
#define MOVER_BULK_H

struct bulk {
  int is_on;
  int is_impossible;
  int in, out; /* the pipe's ends */
  int target;
  int has_changed; /* the target waited before */
};

/* Begin, unless that was found impossible.  The target must be a socket: it is
 * made not to wait, because the kernel has no other way to say so for one call. */
void begin_bulk(struct bulk *bulk, int target);

/* Move what has come into the pipe, which is empty.  Returns how much; 0 at the end, -errno; -EINVAL where
 * the kernel cannot. */
long fill_bulk(struct bulk *bulk, int source);

/* Move so much out of the pipe, or what the target takes. */
long drain_bulk(struct bulk *bulk, unsigned long length);

/* The kernel cannot: the stream is read and written from now on. */
void give_up_bulk(struct bulk *bulk);

/* Leave the target as it was found. */
void end_bulk(struct bulk *bulk);

#endif
