/* Line ends, for the filters between LF and CR LF. */
#ifndef USYS_CRLF_H
#define USYS_CRLF_H

#include <stddef.h>

/* Copy with a CR before every LF.  TO has room for twice LENGTH bytes.
 * Returns how many were written. */
size_t usys_add_cr(const char *from, size_t length, char *to);

/* Copy without one CR directly before each LF.  What follows the block does
 * not count, so the caller keeps back a CR at its end.  TO has room for LENGTH
 * bytes.  Returns how many were written. */
size_t usys_remove_cr(const char *from, size_t length, char *to);

/* Copy with a CR before every LF that does not follow a CR.  *BEHIND_CR says
 * whether the stream before the block ended with one, and is set for the next
 * block.  TO has room for twice LENGTH bytes.  Returns how many were written. */
size_t usys_fix_cr(const char *from, size_t length, char *to, int *behind_cr);

#endif
