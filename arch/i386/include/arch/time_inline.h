/* SPDX-License-Identifier: MIT */
/* A clock for less than a wrap of the TSC's low dword, in a few instructions. */
#pragma once

#include "arch/tsc.h"

/* tsc_mult_for_khz() of the TSC if it is the clock, else 0; after arch_time_init(). */
extern uint32_t arch_tsc_mult;

struct short_clock {
    uint32_t lo, hi; /* the TSC when it was started */
};

/* Where the TSC is not the clock it says what no TSC will: ask arch_time_ns(). */
HV_INLINE void short_clock_start(struct short_clock *c)
{
    __asm__ volatile("rdtsc" : "=a"(c->lo), "=d"(c->hi));
    if (!arch_tsc_mult)
        c->hi = 0xffffffff;
}

/* Nanoseconds since the start; false if that takes more than this to know: the high
 * dword of the TSC has moved on, or 2^30 ns (1.07 s) are over. */
HV_INLINE bool short_clock_ns(const struct short_clock *c, uint32_t *ns)
{
    uint32_t lo, hi;
    uint64_t scaled;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    if (hv_unlikely(hi != c->hi))
        return false;
    scaled = (uint64_t)(lo - c->lo) * arch_tsc_mult;
    *ns = (uint32_t)(scaled >> TSC_SHIFT);
    return hv_likely((uint32_t)(scaled >> 32) < (1u << (TSC_SHIFT - 2)));
}
