#include "proxy/checksum.h"

/* Headers are short: half a byte at once is fast enough, and needs no large table. */
static const uint32_t TABLE[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
                                    0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                    0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };

uint32_t usys_proxy_checksum(const unsigned char *bytes, size_t length, size_t zeros)
{
  uint32_t sum = UINT32_MAX;
  size_t i;

  for (i = 0; i < length; ++i) {
    if (i < zeros || i - zeros >= 4)
      sum ^= bytes[i];
    sum = sum >> 4 ^ TABLE[sum & 15];
    sum = sum >> 4 ^ TABLE[sum & 15];
  }
  return ~sum;
}
