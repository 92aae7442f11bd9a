#include "system/addresstext.h"

#include <string.h>

#include "numbers/dotted.h"

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

/* Four numbers up to 255, without zeros in front. */
static int read_ip4(const char *text, unsigned char *ip)
{
  int i;

  for (i = 0; i < USYS_IP4; ++i) {
    unsigned number = 0;
    int digits;

    for (digits = 0; digits < 3 && text[digits] >= '0' && text[digits] <= '9'; ++digits)
      number = number * 10 + (unsigned)(text[digits] - '0');
    if (!digits || number > 255 || (digits > 1 && *text == '0'))
      return 0;
    ip[i] = (unsigned char)number;
    text += digits;
    if (*text++ != (i < USYS_IP4 - 1 ? '.' : 0))
      return 0;
  }
  return 1;
}

size_t usys_read_ip(const char *text, unsigned char *ip)
{
  if (strchr(text, ':'))
    return usys_read_ip6(text, ip) ? USYS_IP6 : 0;
  return read_ip4(text, ip) ? USYS_IP4 : 0;
}

static unsigned group_of(const unsigned char *ip, int group)
{
  return (unsigned)(ip[2 * group] << 8 | ip[2 * group + 1]);
}

/* Find the first of the longest runs of zeros; return its length, 0 where none is longer than one group. */
static int find_gap(const unsigned char *ip, int *begin)
{
  int longest = 1, group, run = 0;

  for (group = 0; group < IP6_GROUPS; ++group) {
    run = group_of(ip, group) ? 0 : run + 1;
    if (run > longest) {
      longest = run;
      *begin = group + 1 - run;
    }
  }
  return longest > 1 ? longest : 0;
}

static char *put_group(char *to, unsigned group)
{
  int shift = 12;

  while (shift && !(group >> shift))
    shift -= 4;
  for (; shift >= 0; shift -= 4)
    *to++ = "0123456789abcdef"[group >> shift & 15];
  return to;
}

/* Whether libc's inet_ntop shows the last two groups as an IPv4 address. */
static int holds_ip4(int begin, int gap)
{
#ifdef __GLIBC__
  return !begin && gap == IP6_GROUPS - 2;
#else
  (void)begin;
  (void)gap;
  return 0;
#endif
}

static size_t show_ip6(const unsigned char *ip, char *text)
{
  char *at = text;
  int begin = IP6_GROUPS, gap = find_gap(ip, &begin), group = 0;

  if (holds_ip4(begin, gap)) {
    at[0] = at[1] = ':';
    return 2 + put_dotted(ip + USYS_IP6 - USYS_IP4, at + 2);
  }
  while (group < IP6_GROUPS) {
    if (group == begin) {
      *at++ = ':';
      group += gap;
      if (group == IP6_GROUPS)
        *at++ = ':';
    } else {
      if (group)
        *at++ = ':';
      at = put_group(at, group_of(ip, group++));
    }
  }
  *at = 0;
  return (size_t)(at - text);
}

size_t usys_show_ip(const unsigned char *ip, size_t length, char *text)
{
  return length == USYS_IP4 ? put_dotted(ip, text) : show_ip6(ip, text);
}
