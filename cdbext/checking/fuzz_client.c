/* A fuzz target: what a step says of a client to the server that it connects to.
 *
 * Invariant: whatever the environment, a header fits into its room and is a whole one for
 * those who read headers, and both versions say the same.  An address that was
 * read is read again as the same from the text that it is shown as.
 * checking/fuzz.sh builds and runs it. */
#include <stdint.h>
#include <string.h>

#include "checking/demand.h"
#include "proxy/header.h"
#include "system/addresstext.h"
#include "system/proxyheader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { ENTRIES_MAX = 16 };

/* Make the header in memory of its own length, and read it. */
static size_t make(int version, char *const *environ, struct usys_proxy_header *read)
{
  unsigned char *made = demand_memory(USYS_PROXY_HEADER - 1);
  size_t length = usys_put_proxy_header(version, environ, made);

  demand(length <= USYS_PROXY_HEADER);
  memset(read, 0, sizeof *read);
  if (length) {
    demand(usys_proxy_read(made, length, 4096, read) == USYS_PROXY_WHOLE);
    demand(read->number == length);
  }
  free(made);
  return length;
}

static void compare_versions(char *const *environ)
{
  struct usys_proxy_header line, binary;
  size_t length = make(1, environ, &line);

  demand(!length == !make(2, environ, &binary));
  demand(line.is_peer == binary.is_peer);
  demand(!strcmp(line.source, binary.source) && !strcmp(line.destination, binary.destination));
  demand(!length || line.is_peer ||
         (line.source_port == binary.source_port && line.destination_port == binary.destination_port));
}

static void show_again(const char *text)
{
  unsigned char ip[USYS_IP6], again[USYS_IP6];
  size_t length = usys_read_ip(text, ip), shown_length;
  char *shown = demand_memory(USYS_ADDRESS_TEXT - 1);

  if (length) {
    shown_length = usys_show_ip(ip, length, shown);
    demand(shown_length == strlen(shown) && shown_length < USYS_ADDRESS_TEXT);
    if (length == USYS_IP4 || !strchr(shown, '.')) {
      demand(usys_read_ip(shown, again) == length);
      demand(!memcmp(ip, again, length));
    }
  }
  free(shown);
}

/* The entries stand one after another, with a NUL between them. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  char *text = demand_memory(size), *environ[ENTRIES_MAX + 1] = { NULL }, *at = text;
  int count;

  memcpy(text, bytes, size);
  for (count = 0; count < ENTRIES_MAX && at <= text + size; ++count) {
    const char *value = strchr(at, '=');

    environ[count] = at;
    show_again(value ? value + 1 : at);
    at += strlen(at) + 1;
  }
  compare_versions(environ);
  free(text);
  return 0;
}
