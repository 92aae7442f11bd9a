/* The header of the PROXY protocol, versions 1 and 2, that a balancer sends in front of a connection.
 *
 * Nothing is read or kept: the caller gives all bytes that have come, and asks
 * again when more have.  `ucspi/tcp/_pureproxyheader.py` gives the same answers. */
#ifndef PROXY_HEADER_H
#define PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

enum usys_proxy_state {
  USYS_PROXY_WHOLE,   /* `number`: the bytes of the header; those behind it are the client's */
  USYS_PROXY_PARTIAL, /* `number`: so many more bytes are certainly header, as are all that came */
  /* The others are refusals; `number` is what is said of each, or 0. */
  USYS_PROXY_NONE,
  USYS_PROXY_ENDLESS,
  USYS_PROXY_NO_CR,
  USYS_PROXY_PROTOCOL,
  USYS_PROXY_FIELDS,
  USYS_PROXY_SOURCE,
  USYS_PROXY_PORT,
  USYS_PROXY_VERSION, /* the version */
  USYS_PROXY_COMMAND, /* the command */
  USYS_PROXY_FAMILY,  /* the byte of family and transport */
  USYS_PROXY_LONG,    /* the bytes of the whole header */
  USYS_PROXY_SHORT,   /* the same */
  USYS_PROXY_CUT,     /* the type of the entry */
  USYS_PROXY_CHECKSUM,
  USYS_PROXY_ID /* the bytes of the unique id */
};

/* The texts that a header of version 2 may hold. */
enum usys_proxy_text {
  USYS_PROXY_ALPN,
  USYS_PROXY_AUTHORITY,
  USYS_PROXY_UNIQUE_ID,
  USYS_PROXY_NETNS,
  USYS_PROXY_TLS_VERSION, /* the five of the TLS entry are together */
  USYS_PROXY_TLS_NAME,
  USYS_PROXY_TLS_CIPHER,
  USYS_PROXY_TLS_SIGNATURE,
  USYS_PROXY_TLS_KEY,
  USYS_PROXY_TEXTS
};

enum { USYS_PROXY_ADDRESS = 46 /* the longest address as text, and a NUL */ };

struct usys_proxy_header {
  size_t number;
  int is_peer;                          /* the connection's own addresses count */
  int is_verified;                      /* the client's certificate was */
  int has_texts;                        /* any */
  int source_port, destination_port;    /* meaningless with an empty address */
  char source[USYS_PROXY_ADDRESS];      /* empty if `is_peer` */
  char destination[USYS_PROXY_ADDRESS]; /* empty if the header names none that is an IP address */
  struct {
    size_t at, length; /* where in the header; `at` is 0 for a text that is not there */
  } texts[USYS_PROXY_TEXTS];
};

/* Say what the bytes mean that have come.  `most`: bytes of the longest header of version 2 that is taken. */
enum usys_proxy_state usys_proxy_read(const unsigned char *bytes, size_t length, size_t most,
                                      struct usys_proxy_header *header);

#endif
