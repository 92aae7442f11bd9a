/* The patterns of multilog. */
#ifndef USYS_PATTERN_H
#define USYS_PATTERN_H

#include <stddef.h>

/* Whether a line matches a pattern: a star skips to the first byte that is what
 * follows it, and never looks further. */
int usys_matches(const char *pattern, size_t pattern_length, const char *line, size_t length);

#endif
