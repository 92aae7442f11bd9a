/* The two forms of a header.  The bytes begin with its signature, or with a part of that and nothing else. */
#ifndef PROXY_VERSIONS_H
#define PROXY_VERSIONS_H

#include "proxy/header.h"

enum usys_proxy_state usys_proxy_text(const unsigned char *bytes, size_t length,
                                      struct usys_proxy_header *header);

enum usys_proxy_state usys_proxy_binary(const unsigned char *bytes, size_t length, size_t most,
                                        struct usys_proxy_header *header);

#endif
