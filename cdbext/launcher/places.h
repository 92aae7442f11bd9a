/* Where this program is, and what stands beside it. */
#ifndef LAUNCHER_PLACES_H
#define LAUNCHER_PLACES_H

#include "launcher/text.h"

/* Write the directory of the file that the kernel executed, by /proc; where there
 * is none, by the path that the kernel was given. */
void find_self(const char *executed, struct text *directory);

/* Write the path of the file that Python is to run, which lies in our package. */
void find_bootstrap(struct text *directory, struct text *bootstrap);

/* A venv has its own interpreter, or none: that of the system lacks its packages. */
int is_in_venv(const struct text *directory);

#endif
