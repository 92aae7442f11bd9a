/* Starting a program of which nothing is known beforehand, and waiting for its exec. */
#ifndef USYS_START_H
#define USYS_START_H

/* All of it may be freed when the call has returned.  Descriptors are -1 for
 * none; one below 3 is put only onto itself. */
struct usys_start {
  char *const *paths;        /* files to try, in order; NULL ends */
  char *const *argv;         /* NULL ends */
  char *const *environ;      /* NULL ends */
  const char *const *errors; /* text of each errno, error_count of them */
  int error_count;
  const char *complaint;     /* begins the line for a failed exec; NULL: silent */
  int directory;             /* becomes the current one */
  int input;                 /* put on 0 */
  int output;                /* put on 1 */
  unsigned long open_files;  /* the soft limit of open files; 0: inherited */
  const char *birth;         /* file that the child writes its birth into, or NULL */
  const char *birth_head;    /* what that begins with, at most USYS_BIRTH_HEAD bytes */
};

enum { USYS_BIRTH_HEAD = 96, USYS_BIRTH_TAIL = 42 };

/* Start the program.  Returns the pid, or -errno when there is no new process.
 *
 * The child has the caller's signal mask less SIGCHLD; the actions of SIGCHLD,
 * SIGPIPE, SIGXFSZ and of all that are caught are the default ones.
 *
 * Before it executes the child writes one line into the file birth, without
 * truncating it: birth_head, its pid, and its start time in the kernel's ticks,
 * the two padded with spaces to USYS_BIRTH_TAIL bytes with the newline.  It
 * executes also when that fails.  No other thread is held up meanwhile. */
int usys_start(const struct usys_start *start);

#endif
