/* Descriptors that belong to one thread. */
#ifndef USYS_OWNDESCRIPTORS_H
#define USYS_OWNDESCRIPTORS_H

/* Give the calling thread a table of descriptors of its own, which has 0, 1, 2
 * and `kept` only.  What it opens from then on is in no other table: no child
 * that another thread makes has a copy.  Returns 0, or -errno when nothing was
 * changed: -ENOSYS before Linux 5.9. */
int usys_own_descriptors(int kept);

#endif
