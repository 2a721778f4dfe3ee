/* SPDX-License-Identifier: MIT */
/* The one door to guest memory.  All or nothing; a range that does not lie in
 * the guest's memory is refused and, for reads, dst is zeroed.  Callers check
 * the copy and use the copy. A write marks the frame dirty (its shadow tables
 * are compared again at the next flush) and breaks copy-on-write. */
#pragma once

#include "hv/addr.h"
#include "hv/frame.h"
#include "hv/guest.h"

/* The frame of a page below the limit. The page is touched by this. */
HV_INLINE hfn_t gmem_frame(struct guest *g, gfn_t f)
{
    struct gpage *p = &g->pages[f.v];

    if (hv_unlikely(gpage_is_untouched(p)))
        gpage_touch(g, f.v);
    return gpage_frame(p);
}

/* Between the monitor and a frame of the guest's, in one page. A frame that cannot
 * be reached is a defect of the monitor's, but costs this guest its life and nobody
 * else: it is killed, and false. */
bool gmem_copy(struct guest *g, void *dst, const void *src, uint32_t n) HV_MUST_CHECK;

bool gmem_read(struct guest *g, void *dst, gpa_t src, uint32_t len) HV_MUST_CHECK;
bool gmem_write(struct guest *g, gpa_t dst, const void *src,
                uint32_t len) HV_MUST_CHECK;
bool gmem_zero(struct guest *g, gpa_t dst, uint32_t len) HV_MUST_CHECK;

/* The six words at src, to be read once each before anything else is mapped, if
 * they are aligned, in one page that was touched, and below the limit; else NULL:
 * gmem_read() knows more. For LOAD_TLS, on the way of every context switch. */
HV_INLINE const volatile uint32_t *gmem_tls_words(const struct guest *g, gpa_t src)
{
    const struct gpage *page = &g->pages[src.v >> HV_PAGE_SHIFT];
    const uint8_t *bytes;

    if (hv_unlikely(gpa_offset(src) > HV_PAGE_SIZE - 24 || (src.v & 3) ||
                    src.v >> HV_PAGE_SHIFT >= g->limit_pages || gpage_is_untouched(page)))
        return NULL;
    bytes = frame_ptr(gpage_frame(page));
    return (const volatile uint32_t *)(const volatile void *)(bytes + gpa_offset(src));
}

/* True if [a, a + len) lies below the guest's limit (device pages included). */
bool gmem_range_ok(const struct guest *g, gpa_t a, uint32_t len);

/* Copies a string of at most size - 1 bytes; stops at a NUL, at the end of
 * guest memory or when full; always terminates. Returns its length. */
uint32_t gmem_read_string(struct guest *g, char *dst, gpa_t src, uint32_t size);

/* Single aligned little-endian loads and stores, read or written once. */
bool gmem_read16(struct guest *g, gpa_t a, uint16_t *v) HV_MUST_CHECK;
bool gmem_write16(struct guest *g, gpa_t a, uint16_t v) HV_MUST_CHECK;
bool gmem_read32(struct guest *g, gpa_t a, uint32_t *v) HV_MUST_CHECK;
bool gmem_write32(struct guest *g, gpa_t a, uint32_t v) HV_MUST_CHECK;
