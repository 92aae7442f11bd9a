#include "lines/distribute.h"

#include "lines/pattern.h"

#include <string.h>
#include <time.h>

static void cut(struct usys_distributor *d, struct usys_log *log)
{
  struct usys_cut *new = &d->cuts[d->cut_count++];

  new->log = (size_t)(log - d->logs);
  new->end = log->length - log->held;
  log->size = 0;
}

/* How much of the held bytes goes into the file at once. */
static size_t piece(const struct usys_log *log)
{
  const char *start = log->out + log->length - log->held;
  uint64_t left = log->limit - log->size;
  size_t length = log->held < left ? log->held : (size_t)left, end = length;

  if (log->size + length < log->limit - USYS_MARGIN)
    return length;
  while (end > 0 && start[end - 1] != '\n')
    end--;
  return end > 0 ? end : length;
}

/* Let go of what is held, as one write of the original. */
static void release(struct usys_distributor *d, struct usys_log *log)
{
  while (log->held > 0) {
    size_t length;

    if (log->size >= log->limit)
      cut(d, log);
    length = piece(log);
    log->held -= length;
    log->size += length;
    if (log->size >= log->limit - USYS_MARGIN && log->out[log->length - log->held - 1] == '\n')
      cut(d, log);
  }
}

static void append(struct usys_log *log, const char *from, size_t length)
{
  memcpy(log->out + log->length, from, length);
  log->length += length;
  log->held += length;
}

/* Put what the original puts into its buffer at once: it writes first what would
 * not fit besides, and what would not fit at all right away. */
static void put(struct usys_distributor *d, struct usys_log *log, const char *from, size_t length)
{
  if (length > USYS_BUFFER - log->held)
    release(d, log);
  append(log, from, length);
  if (length > USYS_BUFFER)
    release(d, log);
}

/* Put what the original puts byte by byte. */
static void put_each(struct usys_distributor *d, struct usys_log *log, const char *from, size_t length)
{
  while (length > 0) {
    size_t part;

    if (log->held == USYS_BUFFER)
      release(d, log);
    part = USYS_BUFFER - log->held < length ? USYS_BUFFER - log->held : length;
    append(log, from, part);
    from += part;
    length -= part;
  }
}

static void echo(struct usys_distributor *d, const char *line, size_t length)
{
  char *to = d->echo + d->echo_length;
  size_t part = length > USYS_ECHO ? USYS_ECHO : length;

  memcpy(to, line, part);
  to += part;
  if (length > USYS_ECHO) {
    memcpy(to, "...", 3);
    to += 3;
  }
  *to++ = '\n';
  d->echo_length = (size_t)(to - d->echo);
}

static void keep(struct usys_last *last, const char *line, size_t length)
{
  memcpy(last->text, line, length);
  memset(last->text + length, '\n', sizeof last->text - length);
  last->is_new = 1;
}

/* Do what the script says about a line, of which the head is known. */
static void decide(struct usys_distributor *d, const char *line, size_t length)
{
  const struct usys_action *action = d->actions, *end = action + d->action_count;
  int selected = 1;

  for (; action < end; action++)
    switch (action->act) {
      case USYS_DESELECT:
        if (selected && usys_matches(action->pattern, action->length, line, length))
          selected = 0;
        break;
      case USYS_SELECT:
        if (!selected && usys_matches(action->pattern, action->length, line, length))
          selected = 1;
        break;
      case USYS_TO_ECHO:
        if (selected)
          echo(d, line, length);
        break;
      case USYS_TO_LAST:
        if (selected)
          keep(&d->lasts[action->index], line, length);
        break;
      default:
        d->logs[action->index].selected = selected;
        if (selected)
          put(d, &d->logs[action->index], line, length);
    }
}

static void begin_line(struct usys_distributor *d)
{
  struct timespec now;

  d->inside = 1;
  d->beyond = 0;
  d->head_length = 0;
  if (!d->labelled && !d->local)
    return;
  clock_gettime(CLOCK_REALTIME, &now); /* cannot fail: the clock exists */
  if (d->labelled) {
    usys_label(&d->stamper, now.tv_sec, (uint32_t)now.tv_nsec, d->head);
    d->head_length = USYS_LABEL;
  }
  if (d->local)
    d->head_length += usys_local_stamp(&d->local_stamper, now.tv_sec, (uint32_t)now.tv_nsec,
                                       d->head + d->head_length);
}

static void end_line(struct usys_distributor *d)
{
  size_t i;

  if (!d->beyond)
    decide(d, d->head, d->head_length);
  for (i = 0; i < d->log_count; i++)
    if (d->logs[i].selected)
      put_each(d, &d->logs[i], "\n", 1);
  d->inside = 0;
}

/* Take bytes of one line, none of them its newline; return how many. */
static size_t take(struct usys_distributor *d, const char *from, size_t length)
{
  size_t i, free = USYS_HEAD - d->head_length;

  if (d->beyond) {
    for (i = 0; i < d->log_count; i++)
      if (d->logs[i].selected)
        put_each(d, &d->logs[i], from, length);
    return length;
  }
  if (length > free)
    length = free;
  memcpy(d->head + d->head_length, from, length);
  d->head_length += length;
  if (d->head_length == USYS_HEAD) {
    decide(d, d->head, USYS_HEAD);
    d->beyond = 1;
  }
  return length;
}

/* Take bytes of a step: up to the end of a line, or of its head; return how many. */
static size_t advance(struct usys_distributor *d, const char *from, size_t length)
{
  const char *newline;
  size_t taken = 0;

  if (!d->inside)
    begin_line(d);
  newline = memchr(from, '\n', length);
  if (newline != NULL)
    length = (size_t)(newline - from);
  if (length > 0)
    taken = take(d, from, length);
  if (newline == NULL || taken < length)
    return taken;
  end_line(d);
  return taken + 1;
}

/* What was returned is the caller's no more; what is held goes to the front. */
static void forget(struct usys_distributor *d)
{
  size_t i;

  d->cut_count = 0;
  d->echo_length = 0;
  for (i = 0; i < d->log_count; i++) {
    struct usys_log *log = &d->logs[i];

    memmove(log->out, log->out + log->length - log->held, log->held);
    log->length = log->held;
  }
}

/* Whether one more advance fits everywhere.  It puts a head and a newline at
 * most, or the rest of a step, and an echo for each action. */
static int is_full(const struct usys_distributor *d)
{
  size_t i;

  if (d->cut_count > 0 || d->echo_room - d->echo_length < d->action_count * (USYS_ECHO + 4))
    return 1;
  for (i = 0; i < d->log_count; i++)
    if (d->room - d->logs[i].length < 2 * USYS_STEP)
      return 1;
  return 0;
}

static void end_step(struct usys_distributor *d)
{
  size_t i;

  d->stepped = 0;
  for (i = 0; i < d->log_count; i++)
    release(d, &d->logs[i]);
}

size_t usys_distribute(struct usys_distributor *d, const char *from, size_t length)
{
  size_t at = 0;

  forget(d);
  while (at < length && !is_full(d)) {
    size_t left = USYS_STEP - d->stepped, step;

    step = advance(d, from + at, length - at < left ? length - at : left);
    at += step;
    d->stepped += step;
    if (d->stepped == USYS_STEP || at == length)
      end_step(d);
  }
  return at;
}
