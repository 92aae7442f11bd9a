#include "client.h"

#include <string.h>

/* Four numbers up to 255, without leading zeros, and the dots between them. */
static int read_quad(const unsigned char *text, uint32_t len, unsigned char *packed)
{
  const unsigned char *end = text + len;
  int count;

  for (count = 0; count < 4; ++count) {
    const unsigned char *start = text;
    int number = 0;

    if (count && (text == end || *text++ != '.'))
      return 0;
    for (start = text; text < end && *text >= '0' && *text <= '9' && text - start < 3; ++text)
      number = number * 10 + (*text - '0');
    if (text == start || number > 255 || (*start == '0' && text - start > 1))
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
    if (packed[at] >= 100)
      *out++ = (unsigned char)('0' + packed[at] / 100);
    if (packed[at] >= 10)
      *out++ = (unsigned char)('0' + packed[at] / 10 % 10);
    *out++ = (unsigned char)('0' + packed[at] % 10);
  }
  return (uint32_t)(out - begin);
}

void ucdb_read_client(struct ucdb_client *client, const unsigned char *ip,
                      uint32_t len)
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
