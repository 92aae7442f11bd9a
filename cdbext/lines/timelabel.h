/* Labels: the TAI64N time before a line, "@", 24 hexadecimal digits and a space. */
#ifndef USYS_TIMELABEL_H
#define USYS_TIMELABEL_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a label with its space. */
enum { USYS_LABEL = 26 };

/* A stream on its way through usys_stamp, zeros at first. */
struct usys_stamper {
  size_t consumed;       /* by the last call */
  int inside;            /* a line: the next byte begins none */
  int64_t second;        /* that TEXT was made of */
  char text[USYS_LABEL]; /* the last label; kept, for its second's digits rarely change */
};

/* Write a Unix time as a label of USYS_LABEL bytes.  The nanoseconds, below
 * 10^9, are cut to microseconds and the last three digits become 500. */
void usys_label(struct usys_stamper *stamper, int64_t second, uint32_t nanosecond, char *to);

/* Copy with a label before each line.  The block may begin and end inside a
 * line.  A label has the time of the system's clock when the first byte of its
 * line is looked at; an end that begins no line gets none.  No more than ROOM
 * is written: where that is not enough, stamper->consumed is less than LENGTH,
 * and the rest wants another call.  With room for USYS_LABEL + 1 bytes or more
 * every call gets on.  Labels take at most USYS_LABEL times LENGTH.
 * Returns how many bytes were written. */
size_t usys_stamp(struct usys_stamper *stamper, const char *from, size_t length, char *to, size_t room);

#endif
