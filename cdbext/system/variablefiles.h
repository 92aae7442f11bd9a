/* The variables in a directory of files, as envdir reads them; in a child: bare system calls only. */
#ifndef USYS_VARIABLEFILES_H
#define USYS_VARIABLEFILES_H

#include <stddef.h>

/* Room for what is read, and the changes of the environment that it holds. */
struct usys_changes {
  char *at;          /* NAME=VALUE, or NAME alone, which unsets it; each ended by a NUL */
  size_t length;     /* bytes of them */
  size_t room;       /* bytes at at */
  size_t count;      /* of changes */
  size_t most_count; /* how many there may be */
};

/* Append the change that each file of a directory is, in the order of the directory.
 * Returns 0, or -1 when anything failed or did not fit: then nothing was appended. */
int usys_read_variables(const char *directory, struct usys_changes *changes);

#endif
