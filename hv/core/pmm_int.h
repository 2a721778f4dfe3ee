/* SPDX-License-Identifier: MIT */
/* What the frame allocator and its set-up share. */
#pragma once

#include "hv/addr.h"
#include "hv/bitmap.h"

#define PMM_NOT_OURS 0xffffu /* no RAM, or the monitor's image, or a module */

#define PMM_DIRECT_BYTES 0xc0000000u
#define PMM_DIRECT_END (PMM_DIRECT_BYTES >> HV_PAGE_SHIFT)

struct pmm {
    uint16_t *refs;
    struct bitmap free;
    struct bitmap clear; /* free frames that hold zeros */
    uint32_t nr_clear;   /* of them */
    uint32_t clear_end;  /* the direct map was looked through from here on */
    uint32_t limit;      /* frames 0..limit-1 have a count */
    uint32_t total, free_direct, free_high, monitor_min;
    uint32_t aside_direct, aside_high; /* of the free ones: see pmm_reserve() */
};

extern struct pmm pmm;

/* n frames like f are free, or (~0u) one is not any more. */
static inline void count_free(uint32_t f, uint32_t n)
{
    if (f < PMM_DIRECT_END)
        pmm.free_direct += n;
    else
        pmm.free_high += n;
}
