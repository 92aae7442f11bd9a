#include "system/addresstext.h"

#include <string.h>

enum { IP6_GROUPS = 8 };

static int hex_value(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Read one to four digits; return what follows, or NULL. */
static const char *read_group(const char *text, unsigned *group)
{
  int i;

  *group = 0;
  for (i = 0; i < 4 && hex_value(text[i]) >= 0; ++i)
    *group = *group << 4 | (unsigned)hex_value(text[i]);
  return i ? text + i : NULL;
}

static int is_over(const char *text)
{
  return !*text || *text == '%';
}

/* Read groups with at most one gap.  Returns how many there are, or -1; gap: how many are in front of it. */
static int read_groups(const char *text, unsigned *groups, int *gap)
{
  int count = 0;

  *gap = -1;
  if (!strncmp(text, "::", 2)) {
    *gap = 0;
    text += 2;
  }
  while (!is_over(text)) {
    if (count == IP6_GROUPS || !(text = read_group(text, &groups[count])))
      return -1;
    ++count;
    if (!strncmp(text, "::", 2) && *gap < 0) {
      *gap = count;
      text += 2;
    } else if (*text == ':' && !is_over(text + 1)) {
      ++text;
    } else if (!is_over(text)) {
      return -1;
    }
  }
  return count;
}

int usys_read_ip6(const char *text, unsigned char *ip)
{
  static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
  unsigned groups[IP6_GROUPS];
  int gap, count = read_groups(text, groups, &gap), i;

  if (count < 0 || (gap < 0 ? count != IP6_GROUPS : count == IP6_GROUPS))
    return 0;
  memset(ip, 0, USYS_IP6);
  for (i = 0; i < count; ++i) {
    int at = gap < 0 || i < gap ? i : i + IP6_GROUPS - count;

    ip[2 * at] = (unsigned char)(groups[i] >> 8);
    ip[2 * at + 1] = (unsigned char)groups[i];
  }
  return memcmp(ip, mapped, sizeof mapped) != 0;
}
