/* A number up to 255 as text, without leading zeros. */
#ifndef UCDB_OCTET_H
#define UCDB_OCTET_H

/* Read one from *text on, at most up to end, and leave *text behind it; -1 if
 * there is none. */
static inline int ucdb_read_octet(const unsigned char **text, const unsigned char *end)
{
  const unsigned char *start = *text, *p = start;
  int number = 0;

  while (p < end && *p >= '0' && *p <= '9' && p - start < 3)
    number = number * 10 + (*p++ - '0');
  *text = p;
  if (p == start || number > 255 || (*start == '0' && p - start > 1))
    return -1;
  return number;
}

#endif
