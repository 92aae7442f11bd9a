#include "rules/compile.h"

#include <string.h>

#include "cdb/image.h"
#include "numbers/decimal.h"
#include "rules/networkkey.h"
#include "rules/octet.h"

/* How far a line is read, and where to stop: first at the end of the text, then,
 * once that is needed, at the blanks that end the line. */
struct line {
  const unsigned char *p;
  const unsigned char *end;
  /* The numbers of a range and where its text stands; start is NULL without one. */
  const unsigned char *start, *stop, *colon;
  int low, high;
  /* What a network or an IPv6 address is filed under: how long that is, or 0. */
  unsigned char key[UCDB_KEY6_MAX];
  size_t key_size;
  /* Bytes of room beyond two for each byte of text; whether more are wanted. */
  uint64_t spare;
  int full;
};

static int is_digit(unsigned char byte)
{
  return byte >= '0' && byte <= '9';
}

static int is_lower(unsigned char byte)
{
  return byte >= 'a' && byte <= 'z';
}

static int is_word(unsigned char byte)
{
  return is_lower(byte) || is_digit(byte) || byte == '_' || (byte >= 'A' && byte <= 'Z');
}

/* An octet, or the one range of an address, which goes upwards; -1 if neither. */
static int read_part(struct line *line)
{
  const unsigned char *start = line->p;
  int number = ucdb_read_octet(&line->p, line->end);

  if (number < 0 || line->p == line->end || *line->p != '-')
    return number;
  if (line->start)
    return -1;
  ++line->p;
  line->start = start;
  line->low = number;
  line->high = ucdb_read_octet(&line->p, line->end);
  line->stop = line->p;
  return line->low <= line->high ? number : -1;
}

/* The length of a prefix, from 2 up to a colon; 0 if there is none. */
static int read_length(struct line *line, int most)
{
  int size = ucdb_read_octet(&line->p, line->end);

  if (size < 2 || size > most || line->p == line->end || *line->p != ':')
    return 0;
  return size;
}

/* What follows the four octets of a network: a slash and its length. */
static int read_network4(struct line *line, const unsigned char *packed)
{
  int size;

  if (*line->p++ != '/' || line->start)
    return 0;
  size = read_length(line, 32);
  if (!size || ucdb_has_more(packed, 4, size))
    return 0;
  line->key_size = ucdb_key4(packed, size, line->key);
  return 1;
}

/* An address of one to four octets; all but the fourth end in a dot. */
static int read_numbers(struct line *line)
{
  unsigned char packed[4];
  int count;

  for (count = 1; count <= 4; ++count) {
    int number = read_part(line);

    if (number < 0 || line->p == line->end)
      return 0;
    packed[count - 1] = (unsigned char)number;
    if (count == 4)
      return *line->p == ':' || read_network4(line, packed);
    if (*line->p++ != '.' || line->p == line->end)
      return 0;
    if (*line->p == ':')
      return 1;
  }
  return 0;
}

static int is_hex(unsigned char byte)
{
  return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* Where an address of hexadecimal digits and colons ends, NULL if it has less
 * than two colons.  The word behind the last one begins with such digits too. */
static const unsigned char *end_of_ip6(struct line *line)
{
  const unsigned char *p = line->p;
  int colons = 0;

  for (; p < line->end && (is_hex(*p) || *p == ':'); ++p)
    colons += *p == ':';
  if (p < line->end && *p != '/') {
    if (*p == 'l' && p - line->p > 2 && p[-1] == 'a' && p[-2] == ':')
      p -= 2;
    else if (*p == 'n' && p - line->p > 3 && p[-1] == 'e' && p[-2] == 'd' && p[-3] == ':')
      p -= 3;
    else
      return NULL;
    --colons;
  }
  return colons >= 2 ? p : NULL;
}

/* An IPv6 address or network, written without brackets and dots. */
static int read_ip6(struct line *line)
{
  const unsigned char *start = line->p, *end = end_of_ip6(line);
  unsigned char packed[16];
  int size;

  if (!end || end == line->end || !ucdb_read6(start, (size_t)(end - start), packed))
    return 0;
  line->p = end;
  if (*end != '/') {
    line->key_size = ucdb_full6(packed, line->key);
    return !ucdb_is_mapped(packed);
  }
  ++line->p;
  size = read_length(line, 128);
  if (!size || ucdb_has_more(packed, 16, size) || (size >= 96 && ucdb_is_mapped(packed)))
    return 0;
  line->key_size = ucdb_key6(packed, size, line->key);
  return 1;
}

/* What follows the equals sign of a name: nothing that the parser would look at
 * twice, so there is a letter in it and no dot at its end, or it is empty. */
static int read_name(struct line *line)
{
  const unsigned char *start = line->p;
  int letters = 0;

  while (line->p < line->end &&
         (is_lower(*line->p) || is_digit(*line->p) || *line->p == '.' || *line->p == '-'))
    letters |= is_lower(*line->p++);
  if (line->p == line->end || *line->p != ':')
    return 0;
  return line->p == start || (letters && line->p[-1] != '.');
}

/* Whether the first byte that is no hexadecimal digit is a colon with more than
 * an instruction behind it: then only IPv6 can be meant. */
static int begins_as_ip6(const struct line *line)
{
  const unsigned char *p = line->p;

  while (p < line->end && is_hex(*p))
    ++p;
  return line->end - p > 1 && *p == ':' && (is_hex(p[1]) || p[1] == ':') &&
      (line->end - p < 5 || (memcmp(p + 1, "deny", 4) && memcmp(p + 1, "allo", 4)));
}

/* Up to the colon; then that is where the line is read. */
static int read_address(struct line *line)
{
  if (line->p == line->end)
    return 0;
  if (begins_as_ip6(line))
    return read_ip6(line);
  if (*line->p == ':')
    return 1;
  if (*line->p != '=')
    return read_numbers(line);
  ++line->p;
  return read_name(line);
}

/* The word behind the colon: 1 deny, 0 allow, -1 neither. */
static int read_verdict(struct line *line)
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

/* Whether a name of this length may be meant as a limit and be none: it begins
 * as the limits do.  The parser knows. */
static int is_odd_limit(const unsigned char *name, size_t length)
{
  if (length < 3 || (name[0] | 32) != 'm' || (name[1] | 32) != 'a' || (name[2] | 32) != 'x')
    return 0;
  return !(length == 9 && !memcmp(name, "MAXCONNIP", 9)) && !(length == 8 && !memcmp(name, "MAXCONNC", 8));
}

/* One variable into out; returns where out goes on, NULL when it is for the parser. */
static unsigned char *read_variable(struct line *line, unsigned char *out)
{
  const unsigned char *name = line->p + 1, *value, *close;
  size_t length;

  if (*line->p != ',')
    return NULL;
  for (line->p = name; line->p < line->end && is_word(*line->p); ++line->p)
    continue;
  length = (size_t)(line->p - name);
  if (!length || is_odd_limit(name, length) || line->end - line->p < 3 || *line->p != '=' ||
      (line->p[1] != '"' && line->p[1] != '\'' && line->p[1] != '/'))
    return NULL;
  value = line->p + 2;
  close = memchr(value, line->p[1], (size_t)(line->end - value));
  if (!close || memchr(value, 0, (size_t)(close - value)))
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
static int find_end(struct line *line)
{
  const unsigned char *newline = memchr(line->p, '\n', (size_t)(line->end - line->p));

  if (!newline)
    return 0;
  line->end = newline;
  while (line->end > line->p && (line->end[-1] == ' ' || line->end[-1] == '\t'))
    --line->end;
  return 1;
}

/* A key, in which the text of a range is replaced by one of its numbers. */
static unsigned char *put_key(unsigned char *out, const struct line *line, const unsigned char *key,
                              int number)
{
  size_t before = (size_t)(line->start - key);
  size_t after = (size_t)(line->colon - line->stop);

  memcpy(out, key, before);
  out += before;
  out += put_decimal(out, (uint64_t)number);
  memcpy(out, line->stop, after);
  return out + after;
}

/* The records of the other numbers of a range behind that of the lowest, which
 * ends at out; NULL when they do not fit the room. */
static unsigned char *put_others(const struct line *line, const unsigned char *key,
                                 const unsigned char *record, unsigned char *out, uint64_t room)
{
  const uint64_t head_size = ucdb_pair_size(UCDB_CDB);
  uint64_t length = ucdb_first(record, UCDB_CDB);
  uint64_t size = ucdb_second(record, UCDB_CDB);
  const unsigned char *data = record + head_size + length;
  int number;

  if ((uint64_t)(line->high - line->low) * (head_size + length + 2 + size) > room)
    return NULL;
  for (number = line->low + 1; number <= line->high; ++number) {
    unsigned char *head = out;

    out = put_key(out + head_size, line, key, number);
    ucdb_put_pair(head, (uint64_t)(out - head) - head_size, size, UCDB_CDB);
    memcpy(out, data, (size_t)size);
    out += size;
  }
  return out;
}

/* The record of a line that is a rule into out; returns where out goes on, NULL
 * when the line is for the parser.  The line is read up to its newline or the
 * blanks before it: none of the bytes that are taken here is a newline. */
static unsigned char *read_rule(struct line *line, unsigned char *out)
{
  const uint64_t head_size = ucdb_pair_size(UCDB_CDB);
  const unsigned char *key = line->p;
  unsigned char *head = out, *data;
  size_t length;
  int deny;

  if (!read_address(line))
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
    data = out = put_key(out + head_size, line, key, line->low);
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
static void begin_line(struct line *line, const unsigned char *start, const unsigned char *end, uint64_t room)
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
    struct line line;
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
