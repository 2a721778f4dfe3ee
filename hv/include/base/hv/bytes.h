/* SPDX-License-Identifier: MIT */
/* Little-endian numbers at any alignment, as loaders, firmware and PCI hold them. */
#pragma once

#include "hv/types.h"

static inline uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}
