/* CRC32C, the checksum of a header of version 2. */
#ifndef PROXY_CHECKSUM_H
#define PROXY_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Return the checksum of the bytes, the four at `zeros` taken as zeros.  Source: RFC 3720, B.4. */
uint32_t usys_proxy_checksum(const unsigned char *bytes, size_t length, size_t zeros);

#endif
