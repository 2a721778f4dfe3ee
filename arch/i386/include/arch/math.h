/* SPDX-License-Identifier: MIT */
/* What the CPU divides in one instruction and C cannot say. */
#pragma once

#include "hv/types.h"

/* (hi:lo) / d for hi < d; *rem gets the remainder. */
HV_INLINE uint32_t arch_div64_32(uint32_t hi, uint32_t lo, uint32_t d,
                                 uint32_t *rem)
{
    uint32_t q;

    __asm__("divl %4" : "=a"(q), "=d"(*rem) : "0"(lo), "1"(hi), "rm"(d) : "cc");
    return q;
}
