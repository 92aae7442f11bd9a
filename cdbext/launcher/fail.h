/* Ending without having started anything: one line, exit 111. */
#ifndef LAUNCHER_FAIL_H
#define LAUNCHER_FAIL_H

#include "launcher/text.h"

extern struct text command_name; /* begins the line */

/* Say what failed, with what path, and why: an error is the negated errno, or 0 for none. */
_Noreturn void fail(const char *what, const char *path, long error, const char *advice);

/* Fail if a path did not fit. */
void check_length(const struct text *path);

#endif
