/* Logs have many lines of one second, so a second's text is kept, under the
 * digits that it was made of: they need not even be read again. */
#include "lines/localtime.h"

#include "lines/copyline.h"
#include "numbers/decimal.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#define EPOCH ((UINT64_C(1) << 62) + 10) /* as lines/timelabel.c writes it */

/* "@" and the digits; and what is not known to be one before more is there. */
enum { LABEL = 25, UNDECIDED = 1 };

/* The value of a digit plus one; 0 of any other byte. */
static const unsigned char digits[256] = {
  ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
  ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static unsigned digit(char byte)
{
  return digits[(unsigned char)byte];
}

/* How many of the first LENGTH bytes are digits. */
static size_t count_digits(const char *from, size_t length)
{
  size_t count = 0;

  while (count < length && digit(from[count]))
    count++;
  return count;
}

static uint64_t number(const char *from, int length)
{
  uint64_t value = 0;

  for (; length > 0; length--)
    value = value << 4 | (digit(*from++) - 1);
  return value;
}

/* Write a time to the second, and the point that its fraction follows; returns where it ends. */
static char *write_second(char *to, const struct tm *tm)
{
  const int parts[] = { tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec };

  to += put_decimal(to, (uint32_t)(tm->tm_year + 1900));
  for (size_t at = 0; at < sizeof parts / sizeof *parts; at++) {
    *to++ = "-- ::"[at];
    to += put_decimal_padded(to, (uint32_t)parts[at], 2);
  }
  *to++ = '.';
  return to;
}

size_t usys_local_second(time_t second, char *to)
{
  struct tm tm;

  if (localtime_r(&second, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > INT_MAX - 1900)
    return 0;
  return (size_t)(write_second(to, &tm) - to);
}

/* Make the text of a label's second; of length 0 when there is none. */
static void take_second(struct usys_localizer *localizer, const char *label)
{
  time_t second = (time_t)(number(label + 1, 16) - EPOCH);

  memcpy(localizer->second, label, USYS_LOCAL_SECOND);
  localizer->length = (int)usys_local_second(second, localizer->text);
}

/* Nine digits, or ten: nothing says that a label's fraction is below a second. */
static char *write_fraction(char *to, uint32_t fraction)
{
  return to + put_decimal_padded(to, fraction, fraction < 1000000000 ? 9 : 10);
}

/* Returns how many bytes were written, 0 when there is no such time. */
static size_t write_time(struct usys_localizer *localizer, const char *label, char *to)
{
  size_t length;
  uint32_t fraction = (uint32_t)number(label + USYS_LOCAL_SECOND, 8);

  if (memcmp(label, localizer->second, USYS_LOCAL_SECOND) != 0)
    take_second(localizer, label);
  length = (size_t)localizer->length;
  if (length == 0)
    return 0;
  memcpy(to, localizer->text, length);
  return (size_t)(write_fraction(to + length, fraction) - to);
}

/* How much of a line's beginning is a label: LABEL, 0, or UNDECIDED where the
 * block ends before that is known. */
static size_t find_label(const char *from, size_t length)
{
  size_t end;

  if (from[0] != '@')
    return 0;
  end = 1 + count_digits(from + 1, length <= LABEL ? length - 1 : LABEL);
  if (end == length && length <= LABEL)
    return UNDECIDED;
  return end == LABEL ? LABEL : 0;
}

size_t usys_local(struct usys_localizer *localizer, const char *from, size_t length, char *to, size_t room)
{
  size_t in = 0, out = 0, step;

  tzset(); /* who replaces /etc/localtime is followed */
  localizer->second[0] = 0;
  while (in < length && out < room) {
    if (!localizer->inside) {
      step = find_label(from + in, length - in);
      if (step == UNDECIDED || room - out < USYS_LOCAL_ROOM)
        break;
      step = step ? write_time(localizer, from + in, to + out) : 0;
      in += step ? LABEL : 0;
      out += step;
    }
    step = usys_copy_line(from + in, length - in, to + out, room - out, &localizer->inside);
    in += step;
    out += step;
  }
  localizer->consumed = in;
  return out;
}
