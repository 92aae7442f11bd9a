/* A header of the PROXY protocol, made of the environment of a UCSPI tool: the plain cases of
 * tcp/proxywriter.py, to the byte. */
#ifndef USYS_PROXYHEADER_H
#define USYS_PROXYHEADER_H

#include <stddef.h>

enum { USYS_PROXY_HEADER = 108 /* bytes that the longest takes, with a NUL */ };

/* Write a header.
 *
 * version: 1 or 2.
 * to: USYS_PROXY_HEADER bytes.
 *
 * Returns the length, or 0 where the environment is not plainly that of a client: tcpclient
 * decides about it then. */
size_t usys_put_proxy_header(int version, char *const *environ, unsigned char *to);

#endif
