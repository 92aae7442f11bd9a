/* Local time in place of the labels that lines/timelabel.h writes. */
#ifndef USYS_LOCALTIME_H
#define USYS_LOCALTIME_H

#include <stddef.h>
#include <time.h>

enum {
  USYS_LOCAL_SECOND = 17,                /* bytes of a label up to its nanoseconds */
  USYS_LOCAL_TEXT = 32,                  /* a second, its year as long as an int can be */
  USYS_LOCAL_ROOM = USYS_LOCAL_TEXT + 10 /* and its nanoseconds */
};

/* A stream on its way through usys_local, zeros at first. */
struct usys_localizer {
  size_t consumed;                /* by the last call */
  int inside;                     /* a line: no label is looked for before its end */
  int length;                     /* of TEXT; 0: there is no such time */
  char second[USYS_LOCAL_SECOND]; /* the last label's, of which TEXT was made */
  char text[USYS_LOCAL_TEXT];
};

/* Copy with the local time in place of a label that begins a line: "@", 24
 * lower-case hexadecimal digits, and a byte that is none.  Any other line, and
 * one whose time has a year below 0 or above 2^31-1, is copied as it is.
 * The time zone is the C library's, which is told to look for it again, so no
 * other thread may be asking it.
 * The block may begin and end inside a line.  No more than ROOM is written,
 * and the beginning of a label at the end of the block is left, since what
 * follows decides: localizer->consumed is then less than LENGTH.  With room for
 * USYS_LOCAL_ROOM bytes or more, a call that writes nothing has met such a
 * beginning.  Returns how many bytes were written. */
size_t usys_local(struct usys_localizer *localizer, const char *from, size_t length, char *to, size_t room);

/* Write a Unix time to the second, and the point that a fraction follows.
 * Returns how many bytes were written, no more than USYS_LOCAL_TEXT; 0 where
 * the year is below 0 or above 2^31-1. */
size_t usys_local_second(time_t second, char *to);

#endif
