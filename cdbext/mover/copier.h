/* The copier of recordio and fixcrio: between descriptors 0 and 1 and a program behind two pipes. */
#ifndef MOVER_COPIER_H
#define MOVER_COPIER_H

#include <stddef.h>

struct order {
  int is_recording;             /* else carriage returns are put in */
  int to_program, from_program; /* our ends of the pipes */
  const char *pid;              /* the program's, as text */
  size_t digits;
};

/* Copy until the program has closed its output, or nobody reads that any more.  Returns 0, or -errno. */
long copy(const struct order *order);

#endif
