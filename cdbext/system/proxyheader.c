#include "system/proxyheader.h"

#include <string.h>

#include "numbers/decimal.h"
#include "system/addresstext.h"
#include "system/variables.h"

enum {
  NAME_MAX_VARIABLE = 20, /* bytes of the name of a variable, with a NUL */
  PORT_DIGITS = 5,
  PORT_MAX = 65535
};

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
enum { SIGNATURE = sizeof signature - 1 };

static unsigned char *put(unsigned char *to, const void *bytes, size_t length)
{
  memcpy(to, bytes, length);
  return to + length;
}

static unsigned char *put_text(unsigned char *to, const char *text)
{
  return put(to, text, strlen(text));
}

/* The value of a variable of a protocol, or of the one called TCP. */
static const char *value_for(char *const *environ, const char *protocol, const char *end)
{
  char name[NAME_MAX_VARIABLE];
  const char *value;

  *put_text(put_text((unsigned char *)name, protocol), end) = 0;
  value = usys_value_of(environ, name);
  *put_text(put_text((unsigned char *)name, "TCP"), end) = 0;
  return value ? value : usys_value_of(environ, name);
}

/* Returns whether a text is a port, without zeros in front. */
static int read_port(const char *text, unsigned *port)
{
  int digits;

  *port = 0;
  for (digits = 0; text[digits] >= '0' && text[digits] <= '9' && digits < PORT_DIGITS; ++digits)
    *port = *port * 10 + (unsigned)(text[digits] - '0');
  return digits && !text[digits] && *port <= PORT_MAX && (digits == 1 || *text != '0');
}

static int read_end(char *const *environ, const char *protocol, const char *ip_name, const char *port_name,
                    struct usys_peer *end)
{
  const char *ip = value_for(environ, protocol, ip_name), *port = value_for(environ, protocol, port_name);

  if (!ip || !port || !read_port(port, &end->port))
    return 0;
  end->length = usys_read_ip(ip, end->ip);
  return end->length != 0;
}

static size_t put_nobody(int version, unsigned char *to)
{
  static const char local[] = "\x20\0\0"; /* version 2, nobody else's; no family; no more bytes */

  if (version == 1)
    return (size_t)(put_text(to, "PROXY UNKNOWN\r\n") - to);
  return (size_t)(put(put(to, signature, SIGNATURE), local, sizeof local) - to);
}

static unsigned char *put_port(unsigned char *to, unsigned port)
{
  *to++ = (unsigned char)(port >> 8);
  *to++ = (unsigned char)port;
  return to;
}

static size_t put_binary(const struct usys_peer *source, const struct usys_peer *destination,
                         unsigned char *to)
{
  unsigned char *at = put(to, signature, SIGNATURE);

  *at++ = 0x21; /* version 2, a client's */
  *at++ = source->length == USYS_IP4 ? 0x11 : 0x21;
  at = put_port(at, (unsigned)(2 * source->length + 4)); /* the length, of two bytes as well */
  at = put(at, source->ip, source->length);
  at = put(at, destination->ip, destination->length);
  at = put_port(at, source->port);
  at = put_port(at, destination->port);
  return (size_t)(at - to);
}

static unsigned char *put_address(unsigned char *to, const struct usys_peer *end)
{
  *to++ = ' ';
  return to + usys_show_ip(end->ip, end->length, (char *)to);
}

static unsigned char *put_digits(unsigned char *to, unsigned port)
{
  *to++ = ' ';
  return to + put_decimal(to, port);
}

static size_t put_line(const struct usys_peer *source, const struct usys_peer *destination, unsigned char *to)
{
  unsigned char *at = put_text(to, source->length == USYS_IP4 ? "PROXY TCP4" : "PROXY TCP6");

  at = put_address(put_address(at, source), destination);
  at = put_digits(put_digits(at, source->port), destination->port);
  return (size_t)(put_text(at, "\r\n") - to);
}

size_t usys_put_proxy_header(int version, char *const *environ, unsigned char *to)
{
  const char *protocol = usys_value_of(environ, "PROTO");
  struct usys_peer source, destination;

  if (protocol ? !strcmp(protocol, "UNIX") : !usys_value_of(environ, "TCPREMOTEIP"))
    return put_nobody(version, to);
  if (!protocol)
    protocol = "TCP";
  if (strcmp(protocol, "TCP") != 0 && strcmp(protocol, "TCP6") != 0)
    return 0;
  if (!read_end(environ, protocol, "REMOTEIP", "REMOTEPORT", &source) ||
      !read_end(environ, protocol, "LOCALIP", "LOCALPORT", &destination) ||
      source.length != destination.length)
    return 0;
  return version == 1 ? put_line(&source, &destination, to) : put_binary(&source, &destination, to);
}
