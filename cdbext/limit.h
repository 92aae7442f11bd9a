/* A limit on a resource as it was asked for, where ours is another. */
#ifndef USYS_LIMIT_H
#define USYS_LIMIT_H

#include <stdint.h>

struct usys_limit {
  int resource;
  uint64_t soft;
};

#endif
