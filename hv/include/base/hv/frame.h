/* SPDX-License-Identifier: MIT */
/* From a host frame to bytes.  Frames below the end of the direct map are
 * simply there; others go through a window of this CPU. */
#pragma once

#include "hv/addr.h"

/* The direct map is the identity and ends here (also the end of what
 * PMM_DIRECT hands out). */
#define HV_DIRECT_END 0xc0000000u

/* Below is the firmware's, whatever the memory map says: system-management code and
 * what wakes from suspend or hibernation write there. */
#define HV_LOW_END HV_MIB(1)

#ifdef HV_HOST_TEST
void *frame_ptr(hfn_t f); /* provided by tests/host/fake-arch */
hfn_t frame_of_ptr(const void *p);
#else
/* Slow path: maps a HIGH frame. See arch/i386/window.c. */
void *arch_window_map(hfn_t f);

/* Bytes of a frame.  For a HIGH frame the pointer stays good only until this
 * CPU has mapped two other HIGH frames: use it at once, never store it. */
HV_INLINE void *frame_ptr(hfn_t f)
{
    if (hv_likely(f.v < (HV_DIRECT_END >> HV_PAGE_SHIFT)))
        return (void *)(uintptr_t)(f.v << HV_PAGE_SHIFT);
    return arch_window_map(f);
}

/* The frame of a byte in the direct map. */
HV_INLINE hfn_t frame_of_ptr(const void *p)
{
    return HFN((uintptr_t)p >> HV_PAGE_SHIFT);
}
#endif

/* True if the frame is in the direct map, so that its pointer may be kept. */
static inline bool frame_is_direct(hfn_t f)
{
    return f.v < (HV_DIRECT_END >> HV_PAGE_SHIFT);
}
