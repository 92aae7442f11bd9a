#include "rules/clientaddress.h"

#include <string.h>

#include "numbers/decimal.h"
#include "rules/octet.h"

/* Four numbers up to 255, without leading zeros, and the dots between them. */
static int read_quad(const unsigned char *text, uint32_t len, unsigned char *packed)
{
  const unsigned char *end = text + len;
  int count;

  for (count = 0; count < 4; ++count) {
    int number;

    if (count && (text == end || *text++ != '.'))
      return 0;
    number = ucdb_read_octet(&text, end);
    if (number < 0)
      return 0;
    packed[count] = (unsigned char)number;
  }
  return text == end;
}

static uint32_t put_quad(const unsigned char *packed, unsigned char *out)
{
  unsigned char *begin = out;
  int at;

  for (at = 0; at < 4; ++at) {
    if (at)
      *out++ = '.';
    out += put_decimal(out, packed[at]);
  }
  return (uint32_t)(out - begin);
}

void ucdb_read_client(struct ucdb_client *client, const unsigned char *ip, uint32_t len)
{
  const unsigned char *scope;

  client->text = ip;
  client->len = len;
  client->bits = 0;
  if (!len)
    return;
  if (!memchr(ip, ':', len)) {
    client->bits = read_quad(ip, len, client->packed) ? 32 : 0;
    return;
  }
  scope = memchr(ip, '%', len);
  if (!ucdb_read6(ip, scope ? (size_t)(scope - ip) : len, client->packed))
    return;
  client->text = client->canonical;
  if (ucdb_is_mapped(client->packed)) {
    memmove(client->packed, client->packed + 12, 4);
    client->bits = 32;
    client->len = put_quad(client->packed, client->canonical);
  } else {
    client->bits = 128;
    client->len = (uint32_t)ucdb_full6(client->packed, client->canonical);
  }
}
