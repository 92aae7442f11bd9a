/* A fuzz target: what changes or labels streams of lines.
 *
 * Invariant: whatever the bytes and wherever a block ends, what comes out is the
 * same, is what a loop over single bytes says (line ends) or what libc says (local
 * time), and is what went in once labels are taken off or line ends put back.
 * fuzz_logs.c does this for the distribution to logs.  checking/fuzz.sh builds and
 * runs it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "checking/demand.h"
#include "lines/crlf.h"
#include "lines/localtime.h"
#include "lines/timelabel.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct stream {
  char *bytes;
  size_t length;
};

static void demand_same(const struct stream *a, const struct stream *b)
{
  demand(a->length == b->length && !memcmp(a->bytes, b->bytes, a->length));
}

static void compare_line_ends(const char *text, size_t size)
{
  struct stream added = { demand_memory(2 * size), 0 }, back = { demand_memory(2 * size), 0 };
  struct stream wanted = { demand_memory(2 * size), 0 };
  char *held = demand_memory(size); /* of its own length: a sanitizer sees what is read behind it */
  size_t i;

  memcpy(held, text, size);
  added.length = usys_add_cr(held, size, added.bytes);
  for (i = 0; i < size; ++i) {
    if (text[i] == '\n')
      wanted.bytes[wanted.length++] = '\r';
    wanted.bytes[wanted.length++] = text[i];
  }
  demand_same(&added, &wanted);
  back.length = usys_remove_cr(added.bytes, added.length, back.bytes);
  demand(back.length == size && !memcmp(back.bytes, text, size));
  back.length = usys_remove_cr(held, size, back.bytes);
  for (wanted.length = i = 0; i < size; ++i)
    if (text[i] != '\r' || i + 1 == size || text[i + 1] != '\n')
      wanted.bytes[wanted.length++] = text[i];
  demand_same(&back, &wanted);
  free(added.bytes);
  free(back.bytes);
  free(wanted.bytes);
  free(held);
}

/* Put the missing carriage returns in, block by block. */
static void compare_fixed(const char *text, size_t size, size_t block)
{
  struct stream fixed = { demand_memory(2 * size), 0 }, wanted = { demand_memory(2 * size), 0 };
  size_t i, at;
  int behind_cr = 0;

  for (i = 0; i < size; ++i) {
    if (text[i] == '\n' && (!i || text[i - 1] != '\r'))
      wanted.bytes[wanted.length++] = '\r';
    wanted.bytes[wanted.length++] = text[i];
  }
  for (at = 0; at < size; at += block) {
    size_t length = size - at < block ? size - at : block;
    char *held = demand_memory(length), *out = demand_memory(2 * length);
    size_t written;

    memcpy(held, text + at, length);
    written = usys_fix_cr(held, length, out, &behind_cr);
    demand(written <= 2 * length && fixed.length + written <= 2 * size);
    memcpy(fixed.bytes + fixed.length, out, written);
    fixed.length += written;
    free(held);
    free(out);
  }
  demand_same(&fixed, &wanted);
  free(fixed.bytes);
  free(wanted.bytes);
}

/* Label the text, given in blocks, with little room. */
static struct stream label(const char *text, size_t size, size_t block, size_t room)
{
  struct stream out = { demand_memory((USYS_LABEL + 1) * size), 0 };
  struct usys_stamper stamper = { 0 };
  size_t at = 0;

  while (at < size) {
    size_t length = size - at < block ? size - at : block;
    size_t written = usys_stamp(&stamper, text + at, length, out.bytes + out.length, room);

    demand(stamper.consumed > 0 && stamper.consumed <= length && written <= room);
    at += stamper.consumed;
    out.length += written;
  }
  return out;
}

/* Take the labels off again. */
static void compare_labels(const char *text, size_t size, size_t block, size_t room)
{
  struct stream out = label(text, size, block, room);
  size_t at = 0, i;

  for (i = 0; i < size; ++i) {
    if (!i || text[i - 1] == '\n') {
      demand(out.length - at > USYS_LABEL && out.bytes[at] == '@' && out.bytes[at + USYS_LABEL - 1] == ' ');
      demand(strspn(out.bytes + at + 1, "0123456789abcdef") == 24);
      at += USYS_LABEL;
    }
    demand(at < out.length && out.bytes[at] == text[i]);
    ++at;
  }
  demand(at == out.length);
  free(out.bytes);
}

/* Put local time in place of labels; what is left of a block is given again with the next. */
static struct stream localize(const char *text, size_t size, size_t block, size_t room)
{
  struct stream out = { demand_memory(2 * size + USYS_LOCAL_ROOM), 0 };
  struct usys_localizer localizer = { 0 };
  size_t at = 0, end = 0;

  while (end < size || localizer.consumed) {
    size_t written;

    end = size - end < block ? size : end + block;
    do {
      written = usys_local(&localizer, text + at, end - at, out.bytes + out.length, room);
      demand(localizer.consumed <= end - at && written <= room);
      at += localizer.consumed;
      out.length += written;
    } while (localizer.consumed && at < end);
  }
  memcpy(out.bytes + out.length, text + at, size - at); /* a label that was not all there */
  out.length += size - at;
  return out;
}

static void compare_cut(const char *text, size_t size, size_t block, size_t room)
{
  struct stream whole = localize(text, size, size, 2 * size + USYS_LOCAL_ROOM);
  struct stream parts = localize(text, size, block, room);

  demand_same(&whole, &parts);
  if (!memchr(text, '@', size))
    demand(whole.length == size && !memcmp(whole.bytes, text, size));
  free(whole.bytes);
  free(parts.bytes);
}

/* Any second as a label, as local time, and as libc has it. */
static void compare_time(const unsigned char *bytes)
{
  char line[USYS_LABEL + 2], shown[80], wanted[80];
  struct usys_stamper stamper = { 0 };
  struct stream out;
  int64_t second;
  uint32_t nanosecond;
  struct tm tm;
  time_t time;

  memcpy(&second, bytes, sizeof second);
  memcpy(&nanosecond, bytes + sizeof second, sizeof nanosecond);
  second >>= bytes[0] % 32 + 2; /* all sizes; the label of a larger one wraps */
  nanosecond %= 1000000000;
  usys_label(&stamper, second, nanosecond, line);
  memcpy(line + USYS_LABEL, "\n", 2);
  out = localize(line, USYS_LABEL + 1, USYS_LABEL + 1, sizeof shown);
  time = (time_t)second;
  if (gmtime_r(&time, &tm) && tm.tm_year >= -1900 && tm.tm_year <= INT32_MAX - 1900)
    snprintf(wanted, sizeof wanted, "%d-%02d-%02d %02d:%02d:%02d.%09u \n", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, nanosecond - nanosecond % 1000 + 500);
  else
    snprintf(wanted, sizeof wanted, "%s", line);
  demand(out.length == strlen(wanted) && !memcmp(out.bytes, wanted, out.length));
  free(out.bytes);
}

/* The first two bytes say where blocks end and how much room there is. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  const char *text = (const char *)bytes + 2;
  size_t block, room;

  if (size < 3)
    return 0;
  setenv("TZ", "UTC0", 1);
  block = 1 + bytes[0] % 64;
  room = bytes[1];
  size -= 2;
  compare_line_ends(text, size);
  compare_fixed(text, size, block);
  compare_labels(text, size, block, USYS_LABEL + 1 + room);
  compare_cut(text, size, block, USYS_LOCAL_ROOM + room);
  if (size >= 12)
    compare_time(bytes + 2);
  return 0;
}
