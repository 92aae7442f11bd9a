/* What a helper process says of itself before it works; see ucspi/unix/helperprocess.py. */
#ifndef USYS_HELPERPROCESS_H
#define USYS_HELPERPROCESS_H

/* Take a name for ps, of which the kernel keeps 15 bytes; end with the parent,
 * at once if it is gone already; let all threads share one heap, for each of
 * their own would take 64 MB of what addresses there may be. */
void usys_help(const char *name, int parent);

#endif
