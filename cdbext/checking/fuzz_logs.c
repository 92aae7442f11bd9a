/* A fuzz target: lines into logs.
 *
 * Invariant: whatever the bytes, and however many come at once, each log has the
 * lines that its script selects, byte for byte, as a loop over whole lines says,
 * and so have stderr and the file of the last line.  Blocks of whole steps leave
 * the very same files as one large block.  No file is larger than its limit, and
 * one that ends before it ends with a line.  checking/fuzz.sh builds and runs it. */
#include <stdint.h>
#include <string.h>

#include "checking/demand.h"
#include "lines/distribute.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LOGS = 2, ACTIONS = 6, ROOM = 8 * USYS_STEP, ECHO_ROOM = 4096, LIMIT_LEAST = 4096 };

/* What a log, or stderr, got; and where its files end. */
struct got {
  char *bytes;
  size_t length, ends[64], end_count;
};

struct result {
  struct got logs[LOGS], echo;
  struct usys_last last;
};

static void add(struct got *got, const char *bytes, size_t length)
{
  memcpy(got->bytes + got->length, bytes, length);
  got->length += length;
}

static struct result results_for(size_t size)
{
  struct result result = { 0 };
  int i;

  for (i = 0; i < LOGS; ++i)
    result.logs[i].bytes = demand_memory(size);
  result.echo.bytes = demand_memory(size + ECHO_ROOM);
  return result;
}

static void free_result(struct result *result)
{
  int i;

  for (i = 0; i < LOGS; ++i)
    free(result->logs[i].bytes);
  free(result->echo.bytes);
}

/* What one call left; a file ends where a cut says. */
static void take(struct usys_distributor *d, struct result *result)
{
  size_t i;

  for (i = 0; i < d->cut_count; ++i) {
    struct got *got = &result->logs[d->cuts[i].log];

    demand(d->cuts[i].end <= d->logs[d->cuts[i].log].length && got->end_count < 64);
    got->ends[got->end_count++] = got->length + d->cuts[i].end;
  }
  for (i = 0; i < LOGS; ++i) {
    demand(d->logs[i].held <= d->logs[i].length && d->logs[i].length <= ROOM);
    add(&result->logs[i], d->logs[i].out, d->logs[i].length - d->logs[i].held);
  }
  add(&result->echo, d->echo, d->echo_length);
}

static struct result distribute(const struct usys_action *actions, const char *text, size_t size,
                                size_t block, uint64_t limit)
{
  struct result result = results_for(size);
  struct usys_log logs[LOGS] = { 0 };
  struct usys_cut cuts[LOGS];
  struct usys_distributor d = { .actions = actions, .logs = logs, .lasts = &result.last, .cuts = cuts };
  size_t at, i;

  d.action_count = ACTIONS;
  d.log_count = LOGS;
  d.room = ROOM;
  d.echo_room = ECHO_ROOM;
  d.echo = demand_memory(ECHO_ROOM);
  for (i = 0; i < LOGS; ++i) {
    logs[i].out = demand_memory(ROOM);
    logs[i].limit = limit;
  }
  for (at = 0; at < size;) {
    size_t end = size - at < block ? size : at + block;

    while (at < end) {
      size_t taken = usys_distribute(&d, text + at, end - at);

      demand(taken > 0 && taken <= end - at);
      at += taken;
      take(&d, &result);
    }
  }
  for (i = 0; i < LOGS; ++i) {
    demand(logs[i].held == 0); /* the text ends with a line */
    free(logs[i].out);
  }
  free(d.echo);
  return result;
}

/* A star skips to the first byte that is what follows it. */
static int matches(const char *pattern, size_t left, const char *line, size_t length)
{
  for (; left; ++pattern, --left) {
    if (*pattern == '*') {
      if (left == 1)
        return 1;
      while (length && *line != pattern[1]) {
        ++line;
        --length;
      }
      if (!length)
        return 0;
    } else {
      if (!length || *line != *pattern)
        return 0;
      ++line;
      --length;
    }
  }
  return !length;
}

/* The same line by line, without regard to files. */
static struct result by_lines(const struct usys_action *actions, const char *text, size_t size)
{
  struct result result = results_for(size);
  size_t at, length, head, shown, i;

  for (at = 0; at < size; at += length + 1) {
    const char *line = text + at;
    int selected = 1;

    length = (size_t)((const char *)memchr(line, '\n', size - at) - line);
    head = length < USYS_HEAD ? length : USYS_HEAD;
    for (i = 0; i < ACTIONS; ++i) {
      int is_match = actions[i].act <= USYS_SELECT &&
          matches(actions[i].pattern, actions[i].length, line, head);

      if (actions[i].act == USYS_DESELECT || actions[i].act == USYS_SELECT) {
        selected = is_match ? actions[i].act == USYS_SELECT : selected;
      } else if (selected && actions[i].act == USYS_TO_LOG) {
        add(&result.logs[actions[i].index], line, length + 1);
      } else if (selected && actions[i].act == USYS_TO_ECHO) {
        shown = head < USYS_ECHO ? head : USYS_ECHO;
        add(&result.echo, line, shown);
        add(&result.echo, head > USYS_ECHO ? "...\n" : "\n", head > USYS_ECHO ? 4 : 1);
      } else if (selected && actions[i].act == USYS_TO_LAST) {
        memset(result.last.text, '\n', sizeof result.last.text);
        memcpy(result.last.text, line, head);
        result.last.is_new = 1;
      }
    }
  }
  return result;
}

static void demand_same(const struct result *a, const struct result *b)
{
  int i;

  for (i = 0; i < LOGS; ++i)
    demand(a->logs[i].length == b->logs[i].length &&
           !memcmp(a->logs[i].bytes, b->logs[i].bytes, a->logs[i].length));
  demand(a->echo.length == b->echo.length && !memcmp(a->echo.bytes, b->echo.bytes, a->echo.length));
  demand(a->last.is_new == b->last.is_new && !memcmp(a->last.text, b->last.text, sizeof a->last.text));
}

static void demand_files(const struct got *got, uint64_t limit)
{
  size_t start = 0, i;

  for (i = 0; i < got->end_count; start = got->ends[i++]) {
    demand(got->ends[i] - start >= limit - USYS_MARGIN && got->ends[i] - start <= limit);
    demand(got->bytes[got->ends[i] - 1] == '\n' || got->ends[i] - start == limit);
  }
  demand(got->length - start <= limit);
}

/* The first three bytes choose patterns, blocks and the files' limit. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  static const char *const patterns[] = { "*", "", "a*", "*a", "*b*a", "**", "*aab*", "\r*" };
  const char *out = size > 3 ? patterns[bytes[0] % 8] : "", *in = size > 3 ? patterns[bytes[0] / 8 % 8] : "";
  const struct usys_action actions[ACTIONS] = {
    { .act = USYS_TO_LOG, .index = 0 },
    { .act = USYS_DESELECT, .pattern = out, .length = strlen(out) },
    { .act = USYS_TO_ECHO },
    { .act = USYS_SELECT, .pattern = in, .length = strlen(in) },
    { .act = USYS_TO_LAST, .index = 0 },
    { .act = USYS_TO_LOG, .index = 1 },
  };
  struct result whole, parts, steps, lines;
  uint64_t limit;
  char *text;
  int i;

  if (size <= 3)
    return 0;
  limit = LIMIT_LEAST + 4 * (uint64_t)bytes[2];
  text = demand_memory(size);
  size -= 3;
  memcpy(text, bytes + 3, size);
  text[size++] = '\n';
  whole = distribute(actions, text, size, size, limit);
  parts = distribute(actions, text, size, 1 + (size_t)bytes[1] * 5, limit);
  steps = distribute(actions, text, size, USYS_STEP * (1 + (size_t)bytes[1] % 3), limit);
  lines = by_lines(actions, text, size);
  demand_same(&whole, &lines);
  demand_same(&parts, &lines);
  demand_same(&steps, &lines);
  for (i = 0; i < LOGS; ++i) {
    demand_files(&whole.logs[i], limit);
    demand_files(&parts.logs[i], limit);
    demand(whole.logs[i].end_count == steps.logs[i].end_count &&
           !memcmp(whole.logs[i].ends, steps.logs[i].ends, sizeof whole.logs[i].ends));
  }
  free_result(&whole);
  free_result(&parts);
  free_result(&steps);
  free_result(&lines);
  free(text);
  return 0;
}
