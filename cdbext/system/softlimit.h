/* A limit on a resource as it was asked for, where ours is another. */
#ifndef USYS_SOFTLIMIT_H
#define USYS_SOFTLIMIT_H

#include <stdint.h>

struct usys_limit {
  int resource;
  uint64_t soft;
};

#endif
