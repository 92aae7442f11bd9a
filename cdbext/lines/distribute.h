/* Lines into logs: choosing them, labelling them, and finding where a log's file ends. */
#ifndef USYS_DISTRIBUTE_H
#define USYS_DISTRIBUTE_H

#include <stddef.h>
#include <stdint.h>

#include "lines/localstamp.h"
#include "lines/timelabel.h"

enum {
  USYS_HEAD = 1000,   /* bytes of a line that are held and decide */
  USYS_STEP = 1024,   /* bytes that the original reads at once */
  USYS_BUFFER = 512,  /* bytes that it writes at once */
  USYS_MARGIN = 2000, /* so far below its limit a file ends at a line's end */
  USYS_ECHO = 200     /* bytes of a line that go to stderr */
};

enum usys_act { USYS_DESELECT, USYS_SELECT, USYS_TO_ECHO, USYS_TO_LAST, USYS_TO_LOG };

struct usys_action {
  int act;             /* an enum usys_act */
  const char *pattern; /* of the first two */
  size_t length;       /* of the pattern */
  size_t index;        /* of the log, or of the last line */
};

/* One log.  OUT holds what is not yet in its file; the last HELD bytes of it
 * stay there, for it is not known yet in which file they will be. */
struct usys_log {
  char *out;
  size_t length, held;
  uint64_t size, limit; /* of its file, in bytes; a limit is USYS_MARGIN + 2 * USYS_STEP or more */
  int selected;         /* for the line that is being read */
};

/* The last line for a file of its own: USYS_HEAD + 1 bytes, if it is new. */
struct usys_last {
  char text[USYS_HEAD + 1];
  int is_new;
};

/* A log's file ends after so many bytes of its OUT. */
struct usys_cut {
  size_t log, end;
};

struct usys_distributor {
  const struct usys_action *actions;
  struct usys_log *logs;
  struct usys_last *lasts;
  size_t action_count, log_count;
  size_t room;                   /* of each OUT; at least 4 * USYS_STEP */
  char *echo;                    /* lines for stderr, each ended by a newline */
  size_t echo_length, echo_room; /* room for a line of each action at least */
  struct usys_cut *cuts;         /* as many as logs: a step is too short for two ends of one */
  size_t cut_count;
  size_t stepped;      /* bytes of the current step that were taken */
  size_t head_length;  /* of what is held of a line */
  int inside, beyond;  /* a line; its head */
  int labelled, local; /* whether a line gets a label; then the local time */
  struct usys_stamper stamper;
  struct usys_local_stamper local_stamper;
  char head[USYS_HEAD];
};

/* Take bytes of the stream; return how many.  Fewer than LENGTH are taken when
 * a file ends or a buffer is full: the caller then does what is asked, and
 * calls again with the rest.
 *
 * On return each log has written OUT up to LENGTH less HELD, the file ending
 * where a cut says; ECHO holds lines for stderr, and a last line that is new
 * belongs in its file.  All of it is forgotten by the next call, except that
 * IS_NEW is the caller's to clear.  When all LENGTH bytes are taken nothing is
 * held: a line that is complete is in OUT.
 *
 * Files end where the original's would, had it read the same block in steps of
 * USYS_STEP bytes from its start. */
size_t usys_distribute(struct usys_distributor *d, const char *from, size_t length);

#endif
