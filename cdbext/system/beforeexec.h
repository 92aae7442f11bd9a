/* What a started process does before it executes: bare system calls only, and
 * no memory but what it was given, for it shares its parent's (see system/baresyscall.h). */
#ifndef USYS_BEFOREEXEC_H
#define USYS_BEFOREEXEC_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "system/command.h"

/* Whether a write to descriptor 2 would not wait; a pipe with room takes a whole
 * line.  Waits for that itself, if told so. */
int usys_has_room(int patience);

void usys_set_piece(struct iovec *piece, const char *text, size_t length);

/* Write to descriptor 2.  A full pipe blocks, as it does for the originals; who
 * shares it may have made it non-blocking, then we wait for room.  Without
 * patience we do not, and may lose something.  A dead one is ignored. */
void usys_write_pieces(struct iovec *piece, int count, int patience);

/* Write lines of the log; each NUL in them stands for our pid. */
void usys_write_log(const char *text, size_t length);

/* Close what the exec would close, but for two, which may be -1: while we wait for
 * somebody else nothing of our parent's shall be kept open.  There may be gaps
 * between the numbers, but not a very large one. */
void usys_close_private(int kept, int also_kept);

/* Close what is not to be kept: all above 2 but kept, in order; -1 ends. */
void usys_close_others(const int *kept);

/* Have a descriptor at a number, where the exec leaves it open. */
void usys_put_on(int descriptor, int target);

/* Write an oom_score_adj into its open file. */
void usys_put_score(int file, const char *score);

/* Take an oom_score_adj.  A child of CLONE_VFORK has one of its own; for others
 * it belongs to all who share memory. */
void usys_take_score(const char *score);

/* Set a soft limit, at most to the hard one.  Returns 0, or the errno. */
int usys_set_soft_limit(int resource, uint64_t soft);

/* Set the limits that a command has and we do not. */
void usys_set_limits(const struct usys_command *command);

void usys_set_default_action(int number);

/* Give the signals the actions and the mask that a command has.  ignored is that of
 * the command.  asked: bit n - 1 for each signal that may be caught; those that are
 * have their default action then. */
void usys_restore_signals(unsigned long ignored, uint64_t asked, const sigset_t *mask);

/* Execute a command.  environ may be another than the command's.
 *
 * Returns only when nothing could be executed: the errno to report.  One that
 * is not ENOENT is worth more to the administrator. */
int usys_execute(const struct usys_command *command, char *const *environ);

/* Write the line of a command about an error, if it has one. */
void usys_complain(const struct usys_command *command, int error, int patience);

/* Say that nothing could be executed, and exit.  Patience is that of usys_write_pieces. */
_Noreturn void usys_give_up(const struct usys_command *command, int error, int patience);

#endif
