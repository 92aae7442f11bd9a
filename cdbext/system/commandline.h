/* The command line that the kernel shows of a process: memory between two addresses that it keeps.
 *
 * Whoever may set all such addresses at once, which takes no privilege, can have it be elsewhere. */
#ifndef USYS_COMMANDLINE_H
#define USYS_COMMANDLINE_H

#include <stdint.h>

/* The addresses that the kernel keeps, but for the end of the heap. */
struct usys_places {
  uint64_t code, code_end, data, data_end, heap, stack, arguments, arguments_end, environ, environ_end;
};

/* Ask for ours.  Returns 0, or -1: the kernel does not tell. */
int usys_find_places(struct usys_places *places);

/* Have the kernel show the bytes from begin to end, which stay where they are, as our command line.
 * Returns 0, or -1: it refuses. */
int usys_show_arguments(const struct usys_places *places, const char *begin, const char *end);

#endif
