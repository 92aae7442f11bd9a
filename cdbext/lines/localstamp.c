#include "lines/localstamp.h"

#include "numbers/decimal.h"

#include <string.h>
#include <time.h>

static void take_second(struct usys_local_stamper *stamper, int64_t second)
{
  time_t asked = (time_t)second;

  tzset(); /* who replaces /etc/localtime is followed */
  stamper->second = second;
  stamper->length = usys_local_second(asked, stamper->text);
}

size_t usys_local_stamp(struct usys_local_stamper *stamper, int64_t second, uint32_t nanosecond, char *to)
{
  char *start = to;

  if (stamper->length == 0 || stamper->second != second)
    take_second(stamper, second);
  if (stamper->length == 0)
    return 0;
  memcpy(to, stamper->text, stamper->length);
  to += stamper->length;
  to += put_decimal_padded(to, nanosecond, 9);
  *to++ = ' ';
  *to++ = ' ';
  return (size_t)(to - start);
}
