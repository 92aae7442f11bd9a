/* Version 1: PROXY TCP4 192.0.2.1 192.0.2.2 40000 80, and the end of the line.
 *
 * The protocol names the family of the source only: nginx in a chain sends
 * sources and destinations of different families, and paths as destinations. */
#include "proxy/endpoint.h"
#include "proxy/versions.h"

enum {
  LONGEST = 107,
  NAME = 6, /* where the name of the protocol begins */
  SHORTEST = 15,
  SHORTEST_TCP = 20,
  FIELDS = 11,  /* where the fields of TCP begin */
  UNKNOWN = 13, /* the end of that name */
  PORT_DIGITS = 5,
  PORT_MAX = 65535
};

struct field {
  const unsigned char *at;
  size_t length;
};

/* Whether the name of the protocol is one, or may become one. */
static int is_protocol(const unsigned char *bytes, size_t length)
{
  const unsigned char *name = bytes + NAME;
  size_t given = length - NAME;

  if (!memcmp(name, "TCP4 ", given < 5 ? given : 5) || !memcmp(name, "TCP6 ", given < 5 ? given : 5))
    return 1;
  if (memcmp(name, "UNKNOWN", given < 7 ? given : 7))
    return 0;
  if (length <= UNKNOWN || bytes[UNKNOWN] == ' ')
    return 1;
  return bytes[UNKNOWN] == '\r' && (length == UNKNOWN + 1 || bytes[UNKNOWN + 1] == '\n');
}

/* The bytes that are missing for certain; the line does not end in those that came. */
static size_t missing(const unsigned char *bytes, size_t length)
{
  size_t blanks = 0, i;

  if (length > UNKNOWN && bytes[length - 1] == '\r')
    return 1;
  if (length <= NAME || bytes[NAME] == 'U')
    return length < UNKNOWN ? SHORTEST - length : 2;
  if (length < FIELDS)
    return SHORTEST_TCP - length;
  for (i = FIELDS; i < length; ++i)
    blanks += bytes[i] == ' ';
  if (blanks > 3)
    return 2;
  return 2 * (3 - blanks) + (bytes[length - 1] == ' ') + 2;
}

/* Cut the text at its blanks; return whether that gives four fields, none empty. */
static int split(const unsigned char *from, const unsigned char *end, struct field fields[4])
{
  size_t i;

  for (i = 0; i < 4; ++i) {
    const unsigned char *blank = memchr(from, ' ', (size_t)(end - from));

    if (!blank)
      blank = end;
    if (blank == from || (blank == end) != (i == 3))
      return 0;
    fields[i].at = from;
    fields[i].length = (size_t)(blank - from);
    from = blank + 1;
  }
  return 1;
}

/* Show an address in our own form; return whether it is one. */
static int read_address(const struct field *field, int is_ip6, char *shown)
{
  char text[USYS_PROXY_ADDRESS];
  unsigned char address[16];

  if (field->length >= sizeof text || memchr(field->at, 0, field->length))
    return 0;
  memcpy(text, field->at, field->length);
  text[field->length] = 0;
  if (inet_pton(is_ip6 ? AF_INET6 : AF_INET, text, address) != 1)
    return 0;
  if (is_ip6)
    usys_proxy_show_ip6(address, shown);
  else
    put_dotted(address, shown);
  return 1;
}

/* Return the port, -1 where there is none. */
static int read_port(const struct field *field)
{
  int port = 0;
  size_t i;

  if (field->length > PORT_DIGITS || (*field->at == '0' && field->length > 1))
    return -1;
  for (i = 0; i < field->length; ++i) {
    if (field->at[i] < '0' || field->at[i] > '9')
      return -1;
    port = 10 * port + (field->at[i] - '0');
  }
  return port > PORT_MAX ? -1 : port;
}

static enum usys_proxy_state read_fields(const unsigned char *bytes, const unsigned char *end,
                                         struct usys_proxy_header *header)
{
  struct field fields[4];

  if (!split(bytes + FIELDS, end, fields))
    return USYS_PROXY_FIELDS;
  if (!read_address(&fields[0], bytes[FIELDS - 2] == '6', header->source))
    return USYS_PROXY_SOURCE;
  header->source_port = read_port(&fields[2]);
  header->destination_port = read_port(&fields[3]);
  if (header->source_port < 0 || header->destination_port < 0)
    return USYS_PROXY_PORT;
  read_address(&fields[1], memchr(fields[1].at, ':', fields[1].length) != NULL, header->destination);
  return USYS_PROXY_WHOLE;
}

/* The line does not end in the bytes that came. */
static enum usys_proxy_state judge_begun(const unsigned char *bytes, size_t length,
                                         struct usys_proxy_header *header)
{
  size_t end = length + (bytes[length - 1] == '\r' ? 1 : 2), more = missing(bytes, length);

  if (end > LONGEST)
    return USYS_PROXY_ENDLESS;
  header->number = length + more > LONGEST ? LONGEST - length : more;
  return USYS_PROXY_PARTIAL;
}

enum usys_proxy_state usys_proxy_text(const unsigned char *bytes, size_t length,
                                      struct usys_proxy_header *header)
{
  const unsigned char *newline = memchr(bytes, '\n', length < LONGEST ? length : LONGEST);
  int is_line = newline && newline[-1] == '\r';
  size_t end = newline ? (size_t)(newline - bytes) + (size_t)is_line : length;
  enum usys_proxy_state state;

  if (end > NAME && !is_protocol(bytes, end))
    return USYS_PROXY_PROTOCOL;
  if (newline && !is_line && end < LONGEST - 1)
    return USYS_PROXY_NO_CR;
  if (!is_line)
    return judge_begun(bytes, length, header);
  header->is_peer = bytes[NAME] == 'U';
  state = header->is_peer ? USYS_PROXY_WHOLE : read_fields(bytes, newline - 1, header);
  if (state == USYS_PROXY_WHOLE)
    header->number = end;
  return state;
}
