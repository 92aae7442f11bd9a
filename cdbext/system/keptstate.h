/* How a process is that serves one connection after another, so that it can be as at first. */
#ifndef USYS_KEPTSTATE_H
#define USYS_KEPTSTATE_H

#include <signal.h>
#include <sys/types.h>

enum { USYS_OWN = 4, USYS_KNOWN = 128 };

struct usys_file {
  dev_t device;
  ino_t inode;
};

struct usys_kept {
  int own[USYS_OWN]; /* the channel, the pipe for answers, /dev/null, the working directory */
  struct usys_file files[USYS_OWN];
  struct usys_file connection;
  struct usys_file log; /* what descriptor 2 was */
  int is_connected;
  int has_log;           /* whether it was open */
  long open;             /* descriptors at first */
  int known[USYS_KNOWN]; /* numbers that were open when all were listed */
  int known_count;
  mode_t umask;
  sigset_t mask;
  uid_t users[3];
  gid_t groups[3];
};

/* Note how this process is; two descriptors are opened for that.  Returns 0 or the errno. */
int usys_note_kept(struct usys_kept *kept, int channel, int answers);

/* Have a connection on 0 and 1; -1: none has come. */
void usys_connect_kept(struct usys_kept *kept, int descriptor);

/* Close the connection and put back what a function may have changed, as far as C knows of it.
 *
 * Numbers that still have the connection have /dev/null then, because their users may close them.
 * Returns 0 where something cannot be put back: ids, threads, children, a descriptor of our own
 * that was closed, another file on 2, or many that were left open. */
int usys_put_kept_back(struct usys_kept *kept);

/* Whether the channel and the pipe are what they were at first. */
int usys_may_kept_answer(const struct usys_kept *kept);

#endif
