/* What a check requires to be true; else it aborts, which fuzzers and shells notice. */
#ifndef CHECKING_DEMAND_H
#define CHECKING_DEMAND_H

#include <stdio.h>
#include <stdlib.h>

#define demand(truth) ((truth) ? (void)0 : demand_failed(__FILE__, __LINE__, #truth))

static inline void demand_failed(const char *file, int line, const char *what)
{
  fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
  abort();
}

/* Memory, zeroed, of at least one byte. */
static inline void *demand_memory(size_t size)
{
  void *memory = calloc(size + 1, 1);

  demand(memory != NULL);
  return memory;
}

#endif
