#include "rules/compile.h"

#include <string.h>

#include "cdb/image.h"
#include "numbers/decimal.h"
#include "rules/ruleaddress.h"

enum { LIMIT_DIGITS_MAX = 18 };

static int is_word(unsigned char byte)
{
  return ucdb_is_lower(byte) || ucdb_is_digit(byte) || byte == '_' || (byte >= 'A' && byte <= 'Z');
}

/* The word behind the colon: 1 deny, 0 allow, -1 neither. */
static int read_verdict(struct ucdb_ruleline *line)
{
  size_t left = (size_t)(line->end - line->p);

  if (left >= 5 && !memcmp(line->p, ":deny", 5)) {
    line->p += 5;
    return 1;
  }
  if (left >= 6 && !memcmp(line->p, ":allow", 6)) {
    line->p += 6;
    return 0;
  }
  return -1;
}

/* Whether a name sets a limit. */
static int is_limit(const unsigned char *name, size_t length)
{
  switch (length) {
    case 7: return !memcmp(name, "MAXLOAD", 7) || !memcmp(name, "MAXTIME", 7);
    case 8:
      return !memcmp(name, "MAXCONNC", 8) || !memcmp(name, "MAXCONIP", 8) || !memcmp(name, "MAXPERIP", 8);
    case 9: return !memcmp(name, "MAXCONNIP", 9);
    default: return 0;
  }
}

/* Whether a variable may be meant as a limit and be none, because of its name or
 * its value: it begins as the limits do.  The parser knows. */
static int is_odd_limit(const unsigned char *name, size_t length, const unsigned char *value, size_t size)
{
  size_t at, zeros;

  if (length < 3 || (name[0] | 32) != 'm' || (name[1] | 32) != 'a' || (name[2] | 32) != 'x')
    return 0;
  if (!is_limit(name, length) || !size || size > LIMIT_DIGITS_MAX)
    return 1;
  for (at = 0; at < size && ucdb_is_digit(value[at]); ++at)
    continue;
  for (zeros = 0; zeros < size && value[zeros] == '0'; ++zeros)
    continue;
  return at < size || (zeros == size && name[3] == 'T'); /* MAXTIME alone must not be 0 */
}

/* One variable into out; returns where out goes on, NULL when it is for the parser. */
static unsigned char *read_variable(struct ucdb_ruleline *line, unsigned char *out)
{
  const unsigned char *name = line->p + 1, *value, *close;
  size_t length;

  if (*line->p != ',')
    return NULL;
  for (line->p = name; line->p < line->end && is_word(*line->p); ++line->p)
    continue;
  length = (size_t)(line->p - name);
  if (!length || line->end - line->p < 3 || *line->p != '=' ||
      (line->p[1] != '"' && line->p[1] != '\'' && line->p[1] != '/'))
    return NULL;
  value = line->p + 2;
  close = memchr(value, line->p[1], (size_t)(line->end - value));
  if (!close || memchr(value, 0, (size_t)(close - value)) ||
      is_odd_limit(name, length, value, (size_t)(close - value)))
    return NULL;
  line->p = close + 1;
  *out++ = '+';
  memcpy(out, name, length);
  out += length;
  *out++ = '=';
  memcpy(out, value, (size_t)(close - value));
  out += close - value;
  *out++ = 0;
  return out;
}

/* Put the end of a line where its newline and the blanks before it begin; 0
 * when there is no newline. */
static int find_end(struct ucdb_ruleline *line)
{
  const unsigned char *newline = memchr(line->p, '\n', (size_t)(line->end - line->p));

  if (!newline)
    return 0;
  line->end = newline;
  while (line->end > line->p && (line->end[-1] == ' ' || line->end[-1] == '\t'))
    --line->end;
  return 1;
}

/* A key with a range in it: what stands before the range, and behind it.  By value, so
 * that what is written into records cannot be taken for a part of it. */
struct ranged {
  const unsigned char *key, *stop;
  size_t before, after;
};

static struct ranged ranged_of(const struct ucdb_ruleline *line, const unsigned char *key)
{
  struct ranged ranged = { key, line->stop, (size_t)(line->start - key), (size_t)(line->colon - line->stop) };

  return ranged;
}

/* The key for one number of the range. */
static unsigned char *put_key(unsigned char *out, struct ranged ranged, int number)
{
  memcpy(out, ranged.key, ranged.before);
  out += ranged.before;
  out += put_decimal(out, (uint64_t)number);
  memcpy(out, ranged.stop, ranged.after);
  return out + ranged.after;
}

/* The records of the other numbers of a range behind that of the lowest, which
 * ends at out; NULL when they do not fit the room. */
static unsigned char *put_others(const struct ucdb_ruleline *line, const unsigned char *key,
                                 const unsigned char *record, unsigned char *out, uint64_t room)
{
  const uint64_t head_size = ucdb_pair_size(UCDB_CDB);
  uint64_t length = ucdb_first(record, UCDB_CDB);
  uint64_t size = ucdb_second(record, UCDB_CDB);
  const unsigned char *data = record + head_size + length;
  const struct ranged ranged = ranged_of(line, key);
  const int high = line->high;
  int number;

  if ((uint64_t)(high - line->low) * (head_size + length + 2 + size) > room)
    return NULL;
  for (number = line->low + 1; number <= high; ++number) {
    unsigned char *head = out;

    out = put_key(out + head_size, ranged, number);
    ucdb_put_pair(head, (uint64_t)(out - head) - head_size, size, UCDB_CDB);
    memcpy(out, data, (size_t)size);
    out += size;
  }
  return out;
}

/* The record of a line that is a rule into out; returns where out goes on, NULL
 * when the line is for the parser.  The line is read up to its newline or the
 * blanks before it: none of the bytes that are taken here is a newline. */
static unsigned char *read_rule(struct ucdb_ruleline *line, unsigned char *out)
{
  const uint64_t head_size = ucdb_pair_size(UCDB_CDB);
  const unsigned char *key = line->p;
  unsigned char *head = out, *data;
  size_t length;
  int deny;

  if (!ucdb_read_address(line))
    return NULL;
  length = (size_t)(line->p - key);
  line->colon = line->p;
  deny = read_verdict(line);
  if (deny < 0 || length > INT32_MAX)
    return NULL;
  if (line->key_size) {
    if (line->spare < UCDB_KEY6_MAX) {
      line->full = 1;
      return NULL;
    }
    length = line->key_size;
    memcpy(out + head_size, line->key, length);
    data = out = out + head_size + length;
  } else if (line->start) {
    data = out = put_key(out + head_size, ranged_of(line, key), line->low);
    length = (uint64_t)(out - head) - head_size;
  } else {
    memcpy(out + head_size, key, length);
    data = out = out + head_size + length;
  }
  if (deny) {
    *out++ = 'D';
    *out++ = 0;
  }
  if (line->p < line->end && *line->p != '\n') {
    if (!find_end(line) || line->end - key > INT32_MAX)
      return NULL;
    while (out && line->p < line->end)
      out = read_variable(line, out);
  }
  if (out)
    ucdb_put_pair(head, length, (uint64_t)(out - data), UCDB_CDB);
  return out;
}

/* Begin to read a line, with room for the records of it and all behind it. */
static void begin_line(struct ucdb_ruleline *line, const unsigned char *start, const unsigned char *end,
                       uint64_t room)
{
  line->p = start;
  line->end = end;
  line->start = line->stop = line->colon = NULL;
  line->low = line->high = 0;
  line->key_size = 0;
  line->spare = room - 2 * (uint64_t)(end - start);
  line->full = 0;
}

int ucdb_rules_scan(const unsigned char *text, uint64_t len, unsigned char *out, uint64_t room,
                    struct ucdb_rules *scan)
{
  unsigned char *next = out + scan->used;

  if (scan->at > len || scan->used > room || len - scan->at > (room - scan->used) / 2)
    return UCDB_RULES_FULL;
  while (scan->at < len) {
    const unsigned char *start = text + scan->at;
    struct ucdb_ruleline line;
    uint64_t records = 0;
    const unsigned char *newline;

    if (*start != '\n' && *start != '#') {
      unsigned char *end;

      begin_line(&line, start, text + len, room - (uint64_t)(next - out));
      end = read_rule(&line, next);
      if (line.full && memchr(start, '\n', (size_t)(text + len - start)))
        return UCDB_RULES_FULL;
      newline = line.p;
      newline = end && newline < text + len ? memchr(newline, '\n', (size_t)(text + len - newline)) : NULL;
      records = 1;
      if (newline && line.start) {
        /* What is left of the text keeps its room. */
        uint64_t left = room - (uint64_t)(end - out);
        uint64_t kept = 2 * (uint64_t)(text + len - newline - 1);

        end = put_others(&line, start, next, end, left - kept);
        if (!end)
          return UCDB_RULES_FULL;
        records += (uint64_t)(line.high - line.low);
      }
      if (newline)
        next = end;
    } else {
      newline = memchr(start, '\n', (size_t)(text + len - start));
    }
    scan->used = (uint64_t)(next - out);
    if (!newline)
      return memchr(start, '\n', (size_t)(text + len - start)) ? UCDB_RULES_ASK : UCDB_RULES_END;
    ++scan->lines;
    scan->rules += records > 0;
    if (scan->numbers)
      for (; records; --records)
        scan->numbers[scan->records++] = (uint32_t)(scan->before + scan->lines);
    scan->records += records;
    scan->at = (uint64_t)(newline - text) + 1;
  }
  return UCDB_RULES_END;
}
