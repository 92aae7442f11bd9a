#include "proxy/header.h"

#include <string.h>

#include "proxy/versions.h"

static const unsigned char TEXT[] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
static const unsigned char BINARY[] = { '\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

enum { SHORTEST = 15 /* PROXY UNKNOWN and the end of its line */ };

static int begins(const unsigned char *bytes, size_t length, const unsigned char *with, size_t size)
{
  return !memcmp(bytes, with, length < size ? length : size);
}

enum usys_proxy_state usys_proxy_read(const unsigned char *bytes, size_t length, size_t most,
                                      struct usys_proxy_header *header)
{
  memset(header, 0, sizeof *header);
  if (!length) {
    header->number = SHORTEST;
    return USYS_PROXY_PARTIAL;
  }
  if (begins(bytes, length, TEXT, sizeof TEXT))
    return usys_proxy_text(bytes, length, header);
  if (begins(bytes, length, BINARY, sizeof BINARY))
    return usys_proxy_binary(bytes, length, most, header);
  return USYS_PROXY_NONE;
}
