/* SPDX-License-Identifier: MIT */
/* Range checks that cannot wrap.  A range is base and length, never base and
 * exclusive end: a range that ends at 4 GiB would have the end 0. */
#pragma once

#include "hv/types.h"

/* True if [off, off + len) lies in [0, size).  Subtracts instead of adding,
 * so a hostile off + len cannot wrap round to something small. */
static inline bool range_fits(uint32_t off, uint32_t len, uint32_t size)
{
    return len <= size && off <= size - len;
}

/* The same for 64-bit host-physical ranges. */
static inline bool range_fits64(uint64_t off, uint64_t len, uint64_t size)
{
    return len <= size && off <= size - len;
}

/* True if the two ranges share a byte.  Empty ranges share none. */
static inline bool range_overlaps64(uint64_t a, uint64_t alen, uint64_t b,
                                    uint64_t blen)
{
    if (alen == 0 || blen == 0)
        return false;
    return a <= b ? b - a < alen : a - b < blen;
}
