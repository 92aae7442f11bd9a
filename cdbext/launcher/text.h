/* Text for a program without libc: what does not fit is noticed by whoever asks. */
#ifndef LAUNCHER_TEXT_H
#define LAUNCHER_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TEXT_SIZE = 8192 }; /* a path is shorter, and so are two parts of one */

struct text {
  char at[TEXT_SIZE]; /* zeros follow the text: it lies in memory that was all zeros */
  size_t length;
  int is_cut; /* it did not fit */
};

void put_character(struct text *text, char character);

void put(struct text *text, const char *more);

void put_number(struct text *text, uint64_t number);

/* Shorten the text. */
void cut(struct text *text, size_t length);

/* How long the text is before its last slash. */
size_t directory_length(const struct text *text);

#endif
