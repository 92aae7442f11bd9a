#include "lines/timelabel.h"

#include "lines/copyline.h"

#include <string.h>
#include <time.h>

/* The 10 that TAI was ahead of UTC in 1970.  No leap second is counted, as in
 * the originals. */
#define EPOCH ((UINT64_C(1) << 62) + 10)

enum { SECOND = 1, NANOSECOND = SECOND + 16 }; /* where their digits begin */

static const char digits[] = "0123456789abcdef";

/* Write the digits of NUMBER that end at END, as many as WIDTH. */
static void hexadecimal(uint64_t number, char *end, int width)
{
  for (; width > 0; width--, number >>= 4)
    *--end = digits[number & 15];
}

static void take_second(struct usys_stamper *stamper, int64_t second)
{
  if (stamper->second == second && stamper->text[0] == '@')
    return;
  stamper->second = second;
  stamper->text[0] = '@';
  hexadecimal(EPOCH + (uint64_t)second, stamper->text + NANOSECOND, 16);
  stamper->text[USYS_LABEL - 1] = ' ';
}

void usys_label(struct usys_stamper *stamper, int64_t second, uint32_t nanosecond, char *to)
{
  take_second(stamper, second);
  hexadecimal(nanosecond - nanosecond % 1000 + 500, stamper->text + USYS_LABEL - 1, 8);
  memcpy(to, stamper->text, USYS_LABEL);
}

static void label_now(struct usys_stamper *stamper, char *to)
{
  struct timespec now;

  clock_gettime(CLOCK_REALTIME, &now); /* cannot fail: the clock exists */
  usys_label(stamper, now.tv_sec, (uint32_t)now.tv_nsec, to);
}

size_t usys_stamp(struct usys_stamper *stamper, const char *from, size_t length, char *to, size_t room)
{
  size_t in = 0, out = 0, step;

  while (in < length) {
    if (!stamper->inside) {
      if (room - out < USYS_LABEL)
        break;
      label_now(stamper, to + out);
      out += USYS_LABEL;
    }
    step = usys_copy_line(from + in, length - in, to + out, room - out, &stamper->inside);
    if (step == 0)
      break;
    in += step;
    out += step;
  }
  stamper->consumed = in;
  return out;
}
