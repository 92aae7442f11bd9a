/* What a child executes, and what it has then of what we were given. */
#ifndef USYS_COMMAND_H
#define USYS_COMMAND_H

#include <stddef.h>
#include <stdint.h>

/* A soft limit as it was asked for, where ours is another. */
struct usys_limit {
  int resource;
  uint64_t soft;
};

struct usys_command {
  char *const *paths;        /* files to try, in order; NULL ends */
  char *const *argv;         /* NULL ends */
  char *const *environ;      /* NULL ends */
  const char *const *errors; /* text of each errno, error_count of them */
  int error_count;
  const char *complaint; /* begins the line for a failed exec; NULL: silent */
  unsigned long ignored; /* those of SIGPIPE and SIGXFSZ that it ignores, a bit 1 << number - 1 for each */
  const struct usys_limit *limits; /* soft limits that differ from ours */
  size_t limit_count;
};

#endif
