/* A fuzz target: the header of the PROXY protocol.
 *
 * Invariant: however the bytes are cut, a refusal is final, a header stays what it
 * is when more bytes follow, no byte is asked for that lies behind it, and it ends
 * with the last byte that was needed to know it.  Its texts lie inside it.  Its
 * addresses, written as a header of version 1, are read as the same.
 * checking/fuzz.sh builds and runs it. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "checking/demand.h"
#include "proxy/checksum.h"
#include "proxy/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Read a copy of its own length, so that a sanitizer sees what is read behind it. */
static enum usys_proxy_state read_cut(const uint8_t *bytes, size_t length, size_t most,
                                      struct usys_proxy_header *header)
{
  unsigned char *held = malloc(length + !length);
  enum usys_proxy_state state;

  demand(held != NULL);
  memcpy(held, bytes, length);
  state = usys_proxy_read(held, length, most, header);
  free(held);
  demand(state <= USYS_PROXY_ID);
  return state;
}

static int is_same(const struct usys_proxy_header *a, const struct usys_proxy_header *b)
{
  return a->number == b->number && a->is_peer == b->is_peer && a->is_verified == b->is_verified &&
      a->source_port == b->source_port && a->destination_port == b->destination_port &&
      !strcmp(a->source, b->source) && !strcmp(a->destination, b->destination) &&
      !memcmp(a->texts, b->texts, sizeof a->texts);
}

static int is_address(const char *text)
{
  unsigned char address[16];

  return inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, address) == 1;
}

static void demand_sound(const struct usys_proxy_header *header, size_t most)
{
  size_t i;

  demand(header->number >= 15 && header->number <= (most > 107 ? most : 107));
  demand(header->is_peer ? !*header->source && !*header->destination : is_address(header->source));
  demand(!*header->destination || is_address(header->destination));
  demand(header->source_port >= 0 && header->source_port <= 65535);
  demand(header->destination_port >= 0 && header->destination_port <= 65535);
  for (i = 0; i < USYS_PROXY_TEXTS; ++i) {
    demand(!header->texts[i].at || (header->has_texts && header->texts[i].at >= 16));
    demand(header->texts[i].at + header->texts[i].length <= header->number);
  }
}

static void compare_rewritten(const struct usys_proxy_header *header)
{
  char line[128];
  struct usys_proxy_header again;
  int length = snprintf(line, sizeof line, "PROXY TCP%c %s %s %d %d\r\n",
                        strchr(header->source, ':') ? '6' : '4', header->source,
                        *header->destination ? header->destination : "unix:", header->source_port,
                        header->destination_port);

  demand(length > 0 && (size_t)length < sizeof line);
  demand(read_cut((const uint8_t *)line, (size_t)length, 16, &again) == USYS_PROXY_WHOLE);
  demand(again.number == (size_t)length && !strcmp(again.source, header->source));
  demand(!strcmp(again.destination, header->destination) && again.source_port == header->source_port);
}

static uint32_t sum_bit_by_bit(const uint8_t *bytes, size_t length)
{
  uint32_t sum = UINT32_MAX;
  size_t i;
  int bit;

  for (i = 0; i < length; ++i)
    for (sum ^= bytes[i], bit = 0; bit < 8; ++bit)
      sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
  return ~sum;
}

/* The first byte says how long a header may be. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  struct usys_proxy_header end, header;
  enum usys_proxy_state last;
  size_t length, most;

  if (!size)
    return 0;
  most = *bytes ? 16 + *bytes : 65551;
  ++bytes;
  --size;
  last = read_cut(bytes, size, most, &end);
  if (last == USYS_PROXY_WHOLE) {
    demand(end.number <= size);
    demand_sound(&end, most);
    if (!end.is_peer)
      compare_rewritten(&end);
  }
  for (length = 0; length < size; ++length) {
    enum usys_proxy_state state = read_cut(bytes, length, most, &header);

    if (state == USYS_PROXY_PARTIAL) {
      demand(header.number >= 1);
      demand(last != USYS_PROXY_WHOLE || length + header.number <= end.number);
    } else {
      demand(state == last && is_same(&header, &end));
      demand(state != USYS_PROXY_WHOLE || length >= end.number);
    }
  }
  demand(usys_proxy_checksum(bytes, size, size) == sum_bit_by_bit(bytes, size));
  return 0;
}
