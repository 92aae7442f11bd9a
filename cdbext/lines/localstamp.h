/* The local time before a line, in the form of s6-log's T. */
#ifndef USYS_LOCALSTAMP_H
#define USYS_LOCALSTAMP_H

#include <stddef.h>
#include <stdint.h>

#include "lines/localtime.h"

/* The most bytes of a stamp: a second with its point, nanoseconds, two spaces. */
enum { USYS_LOCAL_STAMP = USYS_LOCAL_TEXT + 9 + 2 };

/* Zeros at first. */
struct usys_local_stamper {
  int64_t second; /* that TEXT was made of */
  size_t length;  /* of TEXT; 0 before the first */
  char text[USYS_LOCAL_TEXT];
};

/* Write a Unix time as local time: "YYYY-MM-DD HH:MM:SS.nnnnnnnnn" and two
 * spaces.  The nanoseconds are below 10^9.  The time zone is the C library's,
 * which is told to look for it again whenever another second begins, so no
 * other thread may be asking it.  Returns how many bytes were written, no more
 * than USYS_LOCAL_STAMP; 0 where the calendar has no such time. */
size_t usys_local_stamp(struct usys_local_stamper *stamper, int64_t second, uint32_t nanosecond, char *to);

#endif
