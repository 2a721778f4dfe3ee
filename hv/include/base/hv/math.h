/* SPDX-License-Identifier: MIT */
/* The one division that hv/lib/div64.c builds the others on. */
#pragma once

#ifndef HV_HOST_TEST
#include "arch/math.h"
#else
#include "hv/types.h"

static inline uint32_t arch_div64_32(uint32_t hi, uint32_t lo, uint32_t d,
                                     uint32_t *rem)
{
    uint64_t n = (uint64_t)hi << 32 | lo;

    *rem = (uint32_t)(n % d);
    return (uint32_t)(n / d);
}
#endif
