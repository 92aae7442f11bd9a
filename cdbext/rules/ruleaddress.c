#include "rules/ruleaddress.h"

#include <string.h>

#include "rules/octet.h"

/* An octet, or the one range of an address, which goes upwards; -1 if neither. */
static int read_part(struct ucdb_ruleline *line)
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
static int read_length(struct ucdb_ruleline *line, int most)
{
  int size = ucdb_read_octet(&line->p, line->end);

  if (size < 2 || size > most || line->p == line->end || *line->p != ':')
    return 0;
  return size;
}

/* What follows the four octets of a network: a slash and its length. */
static int read_network4(struct ucdb_ruleline *line, const unsigned char *packed)
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
static int read_numbers(struct ucdb_ruleline *line)
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
  return ucdb_is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* Where an address of hexadecimal digits and colons ends, NULL if it has less
 * than two colons.  The word behind the last one begins with such digits too. */
static const unsigned char *end_of_ip6(struct ucdb_ruleline *line)
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
static int read_ip6(struct ucdb_ruleline *line)
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
static int read_name(struct ucdb_ruleline *line)
{
  const unsigned char *start = line->p;
  int letters = 0;

  while (line->p < line->end &&
         (ucdb_is_lower(*line->p) || ucdb_is_digit(*line->p) || *line->p == '.' || *line->p == '-'))
    letters |= ucdb_is_lower(*line->p++);
  if (line->p == line->end || *line->p != ':')
    return 0;
  return line->p == start || (letters && line->p[-1] != '.');
}

/* Whether the first byte that is no hexadecimal digit is a colon with more than
 * an instruction behind it: then only IPv6 can be meant. */
static int begins_as_ip6(const struct ucdb_ruleline *line)
{
  const unsigned char *p = line->p;

  while (p < line->end && is_hex(*p))
    ++p;
  return line->end - p > 1 && *p == ':' && (is_hex(p[1]) || p[1] == ':') &&
      (line->end - p < 5 || (memcmp(p + 1, "deny", 4) && memcmp(p + 1, "allo", 4)));
}

int ucdb_read_address(struct ucdb_ruleline *line)
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
