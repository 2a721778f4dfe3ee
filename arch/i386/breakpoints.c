/* SPDX-License-Identifier: MIT */
/* Which of a guest's breakpoints the CPU gets (SDM 3B 17.2.4).  Not one on an address of
 * the switcher area, which both views share, and not one on I/O, whose instructions the
 * monitor carries out.  Pure. */
#include "arch/vcpu.h"

#define NR_ADDRESSES 4u

/* The fields of breakpoint i in DR7. */
#define DR7_ENABLE(i) (3u << (2 * (i)))
#define DR7_RW_SHIFT(i) (16 + 4 * (i))
#define DR7_LEN_SHIFT(i) (18 + 4 * (i))

enum { ON_EXECUTION = 0, ON_WRITE = 1, ON_IO = 2, ON_ACCESS = 3 };

static uint32_t kind_of(uint32_t dr7, uint32_t i)
{
    return dr7 >> DR7_RW_SHIFT(i) & 3;
}

static bool is_armed(const struct arch_vcpu *a, uint32_t i)
{
    return (a->dr7 & DR7_ENABLE(i)) && kind_of(a->dr7, i) != ON_IO &&
           a->dr[i] < LAYOUT_GUEST_TOP;
}

/* A length is aligned and 8 bytes at most, so that none reaches into the switcher area
 * from below. */
uint32_t arch_vcpu_armed(const struct arch_vcpu *a)
{
    uint32_t armed = 0;

    for (uint32_t i = 0; i < NR_ADDRESSES; i++) {
        if (!is_armed(a, i))
            continue;
        armed |= a->dr7 & (DR7_ENABLE(i) | 3u << DR7_RW_SHIFT(i));
        if (kind_of(a->dr7, i) != ON_EXECUTION) /* there a length is undefined */
            armed |= a->dr7 & 3u << DR7_LEN_SHIFT(i);
    }
    return armed ? armed | SW_DR7_NOTHING : 0;
}

uint32_t arch_vcpu_watched(const struct arch_vcpu *a, uint32_t va, uint32_t bytes)
{
    static const uint8_t length[] = {1, 2, 8, 4};
    uint32_t hits = 0;

    for (uint32_t i = 0; i < NR_ADDRESSES; i++) {
        uint32_t len = length[a->dr7 >> DR7_LEN_SHIFT(i) & 3];
        uint32_t at = a->dr[i] & ~(len - 1);

        if (is_armed(a, i) && kind_of(a->dr7, i) != ON_EXECUTION &&
            va < at + len && at < va + bytes)
            hits |= HV_BIT(i);
    }
    return hits;
}
