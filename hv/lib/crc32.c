/* SPDX-License-Identifier: MIT */
/* CRC-32 of IEEE 802.3, a nibble at a time: 64 bytes of table. */
#include "hv/string.h"

static const uint32_t crc_nibble[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
    0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
    0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t hv_crc32(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *b = p;

    crc = ~crc;
    for (; n > 0; n--, b++) {
        crc = crc >> 4 ^ crc_nibble[(crc ^ *b) & 15];
        crc = crc >> 4 ^ crc_nibble[(crc ^ (uint32_t)*b >> 4) & 15];
    }
    return ~crc;
}
