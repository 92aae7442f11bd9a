/* Version 2: a head of 16 bytes, addresses, and entries of a type, a length and a value.
 *
 * LOCAL speaks for the sender itself: the rest is skipped, whatever it is.
 * dnsdist sends DGRAM over TCP, for queries that came to it by UDP. */
#include "proxy/checksum.h"
#include "proxy/endpoint.h"
#include "proxy/versions.h"

enum {
  HEAD = 16,
  LOCAL = 0,
  PROXY = 1,
  UNSPECIFIED = 0,
  INET = 1,
  INET6 = 2,
  FAMILIES = 4,
  TRANSPORTS = 3,
  ENTRY_HEAD = 3,
  TLS_HEAD = 5, /* what the client did, and the result of its verification */
  CERTIFICATE = 0x06,
  ID_MOST = 128
};

enum entry { ALPN = 0x01, AUTHORITY, CRC32C, UNIQUE_ID = 0x05, TLS = 0x20, NETNS = 0x30 };
enum tls_entry { TLS_VERSION = 0x21, TLS_NAME, TLS_CIPHER, TLS_SIGNATURE, TLS_KEY };

static const size_t ADDRESSES[FAMILIES] = { 0, 12, 36, 216 }; /* bytes */

struct reading {
  const unsigned char *bytes;
  size_t length; /* of the whole header */
  int has_checksum;
  struct usys_proxy_header *header;
};

static size_t two_bytes(const unsigned char *bytes)
{
  return (size_t)bytes[0] << 8 | bytes[1];
}

/* Judge the head, as far as it has come. */
static enum usys_proxy_state judge_head(const unsigned char *bytes, size_t length, size_t *number)
{
  if (length <= 12)
    return USYS_PROXY_PARTIAL;
  *number = bytes[12] >> 4;
  if (*number != 2)
    return USYS_PROXY_VERSION;
  *number = bytes[12] & 15;
  if (*number > PROXY)
    return USYS_PROXY_COMMAND;
  if (*number == LOCAL || length <= 13)
    return USYS_PROXY_PARTIAL;
  *number = bytes[13];
  return bytes[13] >> 4 >= FAMILIES || (bytes[13] & 15) >= TRANSPORTS ? USYS_PROXY_FAMILY
                                                                      : USYS_PROXY_PARTIAL;
}

static void read_addresses(const unsigned char *bytes, int family, struct usys_proxy_header *header)
{
  const unsigned char *ports = bytes + ADDRESSES[family] - 4;

  if (family == INET) {
    put_dotted(bytes, header->source);
    put_dotted(bytes + 4, header->destination);
  } else {
    usys_proxy_show_ip6(bytes, header->source);
    usys_proxy_show_ip6(bytes + 16, header->destination);
  }
  header->source_port = (int)two_bytes(ports);
  header->destination_port = (int)two_bytes(ports + 2);
}

/* Take the value of an entry that is a text, if it is one. */
static void keep_text(struct reading *reading, unsigned type, size_t at, size_t length)
{
  static const unsigned char types[USYS_PROXY_TEXTS] = { ALPN,       AUTHORITY,     UNIQUE_ID,
                                                         NETNS,      TLS_VERSION,   TLS_NAME,
                                                         TLS_CIPHER, TLS_SIGNATURE, TLS_KEY };
  size_t i;

  for (i = 0; i < USYS_PROXY_TEXTS; ++i)
    if (types[i] == type) {
      reading->header->has_texts = 1;
      reading->header->texts[i].at = at;
      reading->header->texts[i].length = length;
    }
}

/* Of several TLS entries the last one counts as a whole: a name and its verification belong together. */
static void begin_tls(struct reading *reading, size_t at)
{
  const unsigned char *value = reading->bytes + at;

  memset(reading->header->texts + USYS_PROXY_TLS_VERSION, 0, 5 * sizeof *reading->header->texts);
  reading->header->is_verified = (value[0] & CERTIFICATE) && !value[1] && !value[2] && !value[3] && !value[4];
}

static int is_checksum(struct reading *reading, size_t at, size_t length)
{
  if (length != 4 || reading->has_checksum)
    return 0;
  reading->has_checksum = 1;
  return usys_proxy_checksum(reading->bytes, reading->length, at) ==
      (two_bytes(reading->bytes + at) << 16 | two_bytes(reading->bytes + at + 2));
}

/* Move `at` to the value of an entry; return whether all of it is there. */
static int enter(const struct reading *reading, size_t *at, size_t end, size_t *length)
{
  if (end - *at < ENTRY_HEAD)
    return 0;
  *length = two_bytes(reading->bytes + *at + 1);
  *at += ENTRY_HEAD;
  return *length <= end - *at;
}

static enum usys_proxy_state read_tls(struct reading *reading, size_t at, size_t end)
{
  size_t length;

  if (end - at < TLS_HEAD)
    return USYS_PROXY_CUT;
  begin_tls(reading, at);
  for (at += TLS_HEAD; at < end; at += length) {
    unsigned type = reading->bytes[at];

    if (!enter(reading, &at, end, &length))
      return USYS_PROXY_CUT;
    if (type >= TLS_VERSION && type <= TLS_KEY)
      keep_text(reading, type, at, length);
  }
  return USYS_PROXY_WHOLE;
}

static enum usys_proxy_state read_entry(struct reading *reading, unsigned type, size_t at, size_t length)
{
  switch (type) {
    case CRC32C:
      reading->header->number = 0;
      return is_checksum(reading, at, length) ? USYS_PROXY_WHOLE : USYS_PROXY_CHECKSUM;
    case TLS: return read_tls(reading, at, at + length);
    case UNIQUE_ID:
      reading->header->number = length;
      if (length > ID_MOST)
        return USYS_PROXY_ID;
      break;
    case ALPN:
    case AUTHORITY:
    case NETNS: break;
    default: return USYS_PROXY_WHOLE;
  }
  keep_text(reading, type, at, length);
  return USYS_PROXY_WHOLE;
}

static enum usys_proxy_state read_entries(struct reading *reading, size_t at)
{
  size_t length;

  for (; at < reading->length; at += length) {
    unsigned type = reading->bytes[at];
    enum usys_proxy_state state;

    reading->header->number = type;
    if (!enter(reading, &at, reading->length, &length))
      return USYS_PROXY_CUT;
    state = read_entry(reading, type, at, length);
    if (state != USYS_PROXY_WHOLE)
      return state;
  }
  reading->header->number = reading->length;
  return USYS_PROXY_WHOLE;
}

enum usys_proxy_state usys_proxy_binary(const unsigned char *bytes, size_t length, size_t most,
                                        struct usys_proxy_header *header)
{
  struct reading reading = { .bytes = bytes, .header = header };
  enum usys_proxy_state state = judge_head(bytes, length, &header->number);
  int is_local, family;

  if (state != USYS_PROXY_PARTIAL)
    return state;
  header->number = HEAD - length;
  if (length < HEAD)
    return USYS_PROXY_PARTIAL;
  is_local = (bytes[12] & 15) == LOCAL;
  family = is_local ? UNSPECIFIED : bytes[13] >> 4;
  reading.length = HEAD + two_bytes(bytes + 14);
  header->number = reading.length;
  if (reading.length > most)
    return USYS_PROXY_LONG;
  if (reading.length - HEAD < ADDRESSES[family])
    return USYS_PROXY_SHORT;
  if (length < reading.length) {
    header->number = reading.length - length;
    return USYS_PROXY_PARTIAL;
  }
  header->is_peer = (family != INET && family != INET6) || (bytes[13] & 15) == UNSPECIFIED;
  if (!header->is_peer)
    read_addresses(bytes + HEAD, family, header);
  return is_local ? USYS_PROXY_WHOLE : read_entries(&reading, HEAD + ADDRESSES[family]);
}
