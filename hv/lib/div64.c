/* SPDX-License-Identifier: MIT */
/* 64-bit division on a 32-bit machine without the compiler's library: a plain
 * "/" on uint64_t would call a function that a freestanding link lacks. */
#include "hv/math.h"
#include "hv/string.h"

uint64_t div64(uint64_t n, uint32_t d, uint32_t *rem)
{
    uint32_t hi = (uint32_t)(n >> 32), q_hi = 0, q_lo, r;

    if (hi >= d) {
        q_hi = hi / d;
        hi %= d;
    }
    q_lo = arch_div64_32(hi, (uint32_t)n, d, &r);
    if (rem)
        *rem = r;
    return (uint64_t)q_hi << 32 | q_lo;
}

uint64_t muldiv64(uint64_t n, uint32_t mul, uint32_t div)
{
    /* n * mul = hi * 2^32 + lo, 96 bits; divided from the top down. */
    uint64_t p_lo = (uint64_t)(uint32_t)n * mul;
    uint64_t p_hi = (n >> 32) * mul + (p_lo >> 32);
    uint32_t r_hi, r;
    uint64_t q_hi = div64(p_hi, div, &r_hi);
    uint64_t q_lo = div64((uint64_t)r_hi << 32 | (uint32_t)p_lo, div, &r);

    return (q_hi << 32) + q_lo;
}
