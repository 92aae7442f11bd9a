#include "mover/record.h"

#include <stdint.h>
#include <string.h>

#include "lines/eightbytes.h"
#include "mover/descriptors.h"

/* The lines of a piece are one write.  A pipe takes them as a whole, so lines of
 * several processes do not mix. */
enum {
  PIECE = 256,              /* what the original reads and logs at once; it cuts longer lines */
  LINE = RECORD_HEAD + 2,   /* bytes of the log for an empty line */
  LOG = PIECE * LINE + LINE /* the most for a piece */
};

void record_begin(struct record *record, const char *pid, size_t digits, char mark)
{
  memcpy(record->head, pid, digits);
  record->head[digits] = ' ';
  record->head[digits + 1] = mark;
  record->head[digits + 2] = ' ';
  record->head_length = digits + 3;
}

/* Copy a line up to its newline, or as much of it as is there.  Up to WORD - 1
 * bytes more are read and written.  Returns how many bytes belong to it. */
static size_t copy_line(char *to, const char *from, size_t length)
{
  size_t i;
  uint64_t word;

  for (i = 0; i < length; i += WORD) {
    memcpy(&word, from + i, WORD);
    memcpy(to + i, &word, WORD);
    if (may_have(word, '\n'))
      break;
  }
  for (; i < length && from[i] != '\n'; ++i)
    to[i] = from[i];
  return i < length ? i : length;
}

static void record_piece(const struct record *record, const char *from, size_t length)
{
  static char log[LOG + WORD];
  char *to = log;

  while (length) {
    size_t line;

    memcpy(to, record->head, RECORD_HEAD);
    to += record->head_length;
    line = copy_line(to, from, length);
    to += line;
    from += line;
    length -= line;
    if (length) {
      *to++ = ' ';
      ++from;
      --length;
    } else {
      *to++ = '+'; /* the line may go on */
    }
    *to++ = '\n';
  }
  write_all(2, log, (size_t)(to - log));
}

void record_block(const struct record *record, const char *block, size_t length)
{
  while (length) {
    size_t piece = length < PIECE ? length : PIECE;

    record_piece(record, block, piece);
    block += piece;
    length -= piece;
  }
}

void record_end(const struct record *record)
{
  static const char end[] = "[EOF]\n";
  char line[RECORD_HEAD + sizeof end];

  memcpy(line, record->head, RECORD_HEAD);
  memcpy(line + record->head_length, end, sizeof end - 1);
  write_all(2, line, record->head_length + sizeof end - 1);
}
