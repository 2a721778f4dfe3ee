/* SPDX-License-Identifier: MIT */
/* The one door to guest memory by guest-physical address.  Everything is copied
 * through here page by page; nobody keeps a pointer. */
#include "hv/gmem.h"

#include "hv/arch_if.h"
#include "hv/config.h"
#include "hv/frame.h"
#include "hv/guest.h"
#include "hv/shadow.h"
#include "hv/string.h"
#include "hv/swar.h"

bool gmem_range_ok(const struct guest *g, gpa_t a, uint32_t len)
{
    uint32_t limit = g->limit_pages;

    /* limit is at most 2^20 pages: count in pages to stay within 32 bits. */
    if (len == 0)
        return a.v >> HV_PAGE_SHIFT < limit;
    if (len - 1 > UINT32_MAX - a.v)
        return false;
    return (a.v + (len - 1)) >> HV_PAGE_SHIFT < limit;
}

static uint8_t *bytes_at(struct guest *g, gpa_t a)
{
    return (uint8_t *)frame_ptr(gmem_frame(g, gpa_to_gfn(a))) + gpa_offset(a);
}

#if HV_CFG_INJECT
/* The n-th copy from now meets page 0, which is mapped nowhere. */
static const void *injected(struct guest *g, const void *src)
{
    return g->copies_to_fault != 0 && --g->copies_to_fault == 0 ? NULL : src;
}
#else
HV_INLINE const void *injected(struct guest *g, const void *src)
{
    (void)g;
    return src;
}
#endif

bool gmem_copy(struct guest *g, void *dst, const void *src, uint32_t n)
{
    if (hv_likely(arch_copy(dst, injected(g, src), n)))
        return true;
    guest_kill(g, "a page of its memory cannot be reached");
    return false;
}

bool gmem_read(struct guest *g, void *dst, gpa_t src, uint32_t len)
{
    uint32_t left = len, n;
    bool ok = gmem_range_ok(g, src, len);

    for (uint8_t *to = dst; ok && left; to += n, left -= n, src = GPA(src.v + n)) {
        n = hv_min_u32(left, HV_PAGE_SIZE - gpa_offset(src));
        ok = gmem_copy(g, to, bytes_at(g, src), n); /* the copy is what gets checked */
    }
    if (!ok)
        memset(dst, 0, len);
    return ok;
}

/* T:270 All that the monitor writes into a guest's memory by its own address goes through here. */
bool gmem_write(struct guest *g, gpa_t dst, const void *src, uint32_t len)
{
    const uint8_t *from = src;

    if (!gmem_range_ok(g, dst, len))
        return false;
    while (len) {
        uint32_t n = hv_min_u32(len, HV_PAGE_SIZE - gpa_offset(dst));

        shadow_note_write(g, gpa_to_gfn(dst));
        if (!gmem_copy(g, bytes_at(g, dst), from, n))
            return false;
        from += n;
        len -= n;
        dst = GPA(dst.v + n);
    }
    return true;
}

bool gmem_zero(struct guest *g, gpa_t dst, uint32_t len)
{
    if (!gmem_range_ok(g, dst, len))
        return false;
    while (len) {
        uint32_t n = hv_min_u32(len, HV_PAGE_SIZE - gpa_offset(dst));

        shadow_note_write(g, gpa_to_gfn(dst));
        if (!gpage_is_untouched(&g->pages[dst.v >> HV_PAGE_SHIFT]))
            memset(bytes_at(g, dst), 0, n);
        len -= n;
        dst = GPA(dst.v + n);
    }
    return true;
}

/* Up to a NUL, or max bytes: how many. Reads each byte of the guest's once. */
static uint32_t copy_text(char *to, const volatile char *from, uint32_t max)
{
    char *at = to, *words = to + (max & ~3u), *end = to + max;

    for (; at != words; at += 4, from += 4) {
        uint32_t w = *(const volatile swar_text_t *)(const volatile void *)from;

        *(swar_text_t *)(void *)at = w;
        if (swar_has_nul(w)) {
            while (*at != '\0')
                at++;
            return (uint32_t)(at - to);
        }
    }
    while (at != end && (*at = *from++) != '\0')
        at++;
    return (uint32_t)(at - to);
}

uint32_t gmem_read_string(struct guest *g, char *dst, gpa_t src, uint32_t size)
{
    uint32_t n = 0;

    while (n + 1 < size && gmem_range_ok(g, src, 1)) {
        const volatile char *from = (const volatile char *)bytes_at(g, src);
        uint32_t len = hv_min_u32(size - 1 - n, HV_PAGE_SIZE - gpa_offset(src));
        uint32_t copied = copy_text(dst + n, from, len);

        n += copied;
        if (copied != len)
            break;
        src = GPA(src.v + len);
    }
    dst[n] = '\0';
    return n;
}

bool gmem_read16(struct guest *g, gpa_t a, uint16_t *v)
{
    *v = 0;
    if ((a.v & 1) || !gmem_range_ok(g, a, 2))
        return false;
    *v = *(volatile uint16_t *)(void *)bytes_at(g, a);
    return true;
}

bool gmem_write16(struct guest *g, gpa_t a, uint16_t v)
{
    if ((a.v & 1) || !gmem_range_ok(g, a, 2))
        return false;
    shadow_note_write(g, gpa_to_gfn(a));
    *(volatile uint16_t *)(void *)bytes_at(g, a) = v;
    return true;
}

bool gmem_read32(struct guest *g, gpa_t a, uint32_t *v)
{
    *v = 0;
    if ((a.v & 3) || !gmem_range_ok(g, a, 4))
        return false;
    *v = *(volatile uint32_t *)(void *)bytes_at(g, a);
    return true;
}

bool gmem_write32(struct guest *g, gpa_t a, uint32_t v)
{
    if ((a.v & 3) || !gmem_range_ok(g, a, 4))
        return false;
    shadow_note_write(g, gpa_to_gfn(a));
    *(volatile uint32_t *)(void *)bytes_at(g, a) = v;
    return true;
}
