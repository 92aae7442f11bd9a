#include "system/dnsmessage.h"

#include <string.h>

#include "system/addresstext.h"

enum {
  HEADER = 12, /* bytes; RFC 1035, 4.1.1 */
  NAME_MAX_WIRE = 255,
  TYPE_AND_CLASS = 4,
  RECORD_HEAD = 10 /* bytes of a record between its name and its data */
};

static int is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static size_t count_digits(const char *text)
{
  size_t count = 0;

  while (is_digit(text[count]))
    ++count;
  return count;
}

/* Write the four numbers as labels, the last one first.  Returns 0 where these are not the whole text. */
static size_t put_ip4(unsigned char *to, const char *ip)
{
  const char *numbers[4];
  size_t lengths[4], length = 0;
  int i;

  for (i = 0; i < 4; ++i) {
    numbers[i] = ip;
    lengths[i] = count_digits(ip);
    if (!lengths[i] || lengths[i] > 3)
      return 0;
    ip += lengths[i];
    if (*ip++ != (i < 3 ? '.' : 0))
      return 0;
  }
  while (i--) {
    to[length++] = (unsigned char)lengths[i];
    memcpy(to + length, numbers[i], lengths[i]);
    length += lengths[i];
  }
  return length;
}

/* Write the nibbles as labels, the last one first: RFC 5782, 2.4. */
static size_t put_ip6(unsigned char *to, const char *text)
{
  unsigned char ip[USYS_IP6];
  size_t length = 0, i = USYS_IP6;

  if (!usys_read_ip6(text, ip))
    return 0;
  while (i--) {
    to[length++] = 1;
    to[length++] = (unsigned char)"0123456789abcdef"[ip[i] & 15];
    to[length++] = 1;
    to[length++] = (unsigned char)"0123456789abcdef"[ip[i] >> 4];
  }
  return length;
}

size_t usys_put_question(unsigned char *to, unsigned id, const char *ip, const unsigned char *tail,
                         size_t tail_length)
{
  static const unsigned char rest[HEADER - 2] = { 1, 0, 0, 1 }; /* recursion is wanted; one question */
  size_t length = strchr(ip, ':') ? put_ip6(to + HEADER, ip) : put_ip4(to + HEADER, ip);

  if (!length || length + tail_length > NAME_MAX_WIRE + TYPE_AND_CLASS)
    return 0;
  to[0] = (unsigned char)(id >> 8);
  to[1] = (unsigned char)id;
  memcpy(to + 2, rest, sizeof rest);
  memcpy(to + HEADER + length, tail, tail_length);
  return HEADER + length + tail_length;
}

static unsigned lower(unsigned char c)
{
  return c >= 'A' && c <= 'Z' ? c + 32u : c;
}

/* Lengths of labels are below any letter, so the names can be compared as they stand. */
static int is_about(const unsigned char *answer, const unsigned char *question, size_t length)
{
  size_t i;

  for (i = HEADER; i < length - TYPE_AND_CLASS; ++i)
    if (lower(answer[i]) != lower(question[i]))
      return 0;
  return !memcmp(answer + i, question + i, TYPE_AND_CLASS);
}

/* An answer of the server's own kind (opcode 0), whole, without an error but that the
 * name does not exist; about one question, with no record and no further section (in
 * which another error might stand). */
static int denies(const unsigned char *answer)
{
  unsigned code = answer[3] & 15;

  return (answer[2] & 0xfa) == 0x80 && (!code || code == 3) && !memcmp(answer + 4, "\0\1\0\0", 4) &&
      !answer[10] && !answer[11];
}

/* Return the place behind a name, or 0. */
static size_t skip_name(const unsigned char *answer, size_t length, size_t at)
{
  while (at < length && answer[at] && answer[at] < 64)
    at += answer[at] + 1u;
  if (at >= length)
    return 0;
  if (!answer[at])
    return at + 1;
  return answer[at] >= 0xc0 ? at + 2 : 0;
}

/* Whether a number of records end where the packet does. */
static int ends_behind(const unsigned char *answer, size_t length, size_t at, unsigned records)
{
  while (records--) {
    at = skip_name(answer, length, at);
    if (!at || at + RECORD_HEAD > length)
      return 0;
    at += RECORD_HEAD + (size_t)(answer[at + 8] << 8 | answer[at + 9]);
  }
  return at == length;
}

int usys_says_none(const unsigned char *answer, size_t length, const unsigned char *question,
                   size_t question_length)
{
  return length >= question_length && answer[0] == question[0] && answer[1] == question[1] &&
      denies(answer) && is_about(answer, question, question_length) &&
      ends_behind(answer, length, question_length, (unsigned)(answer[8] << 8 | answer[9]));
}

int usys_first_server(const char *text, unsigned char *ip)
{
  int i;

  text += strspn(text, ".");
  for (i = 0; i < 4; ++i) {
    size_t digits = count_digits(text), at;
    unsigned number = 0;

    if (!digits || digits > 3)
      return 0;
    for (at = 0; at < digits; ++at)
      number = number * 10 + (unsigned)(text[at] - '0');
    text += digits;
    if (number > 255 || (i < 3 && *text++ != '.'))
      return 0;
    ip[i] = (unsigned char)number;
  }
  return 1;
}
