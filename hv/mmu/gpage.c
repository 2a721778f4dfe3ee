/* SPDX-License-Identifier: MIT */
/* The pages of a guest.  A large guest is made as fast as a small one: frames for
 * all of it are set aside, as a number, and a page gets one of them when it is touched
 * for the first time, by the guest, a device or the monitor. */
#include "hv/gpage.h"

#include "table.h"

#include "hv/pmm.h"
#include "hv/sched.h"

/* Pages between two preemption points while memory is given back. */
#define PAGES_A_STEP 32u

int gpages_create(struct guest *g)
{
    uint32_t frames = (g->limit_pages * (uint32_t)sizeof(struct gpage) + HV_PAGE_MASK) >>
                      HV_PAGE_SHIFT;
    hfn_t table;

    hv_assert(g->limit_pages <= GPAGE_CHUNKS * GPAGE_CHUNK);
    table = pmm_alloc_table(frames);
    if (hfn_is_none(table))
        return -HV_ENOMEM;
    g->pages = frame_ptr(table);
    g->pages_order_frames = frames;
    if (!pmm_reserve(g->limit_pages))
        return -HV_ENOMEM;
    g->untouched_pages = g->limit_pages;
    return 0;
}

void gpage_touch(struct guest *g, uint32_t gfn)
{
    uint32_t chunk = gfn / GPAGE_CHUNK;
    hfn_t f = pmm_alloc(PMM_GUEST);

    hv_assert(!hfn_is_none(f) && gpage_is_untouched(&g->pages[gfn]));
    g->pages[gfn].word = f.v | GPAGE_MAY_WRITE;
    frame_owner[f.v] = gfn;
    g->untouched_pages--;
    g->touched_chunks[chunk / 32] |= 1u << chunk % 32;
}

static void free_chunk(struct guest *g, uint32_t chunk)
{
    uint32_t first = chunk * GPAGE_CHUNK;
    uint32_t end = hv_min_u32(first + GPAGE_CHUNK, g->limit_pages), freed = 0;

    for (uint32_t i = first; i < end; i++) {
        if (gpage_is_untouched(&g->pages[i]))
            continue;
        pmm_unref(gpage_frame(&g->pages[i]));
        if (++freed % PAGES_A_STEP == 0)
            sched_point();
    }
    sched_point();
}

void gpages_destroy(struct guest *g)
{
    if (!g->pages)
        return;
    for (uint32_t w = 0; w < GPAGE_CHUNKS / 32; w++) {
        for (uint32_t bits = g->touched_chunks[w]; bits; bits &= bits - 1)
            free_chunk(g, w * 32 + (uint32_t)__builtin_ctz(bits));
    }
    pmm_unreserve(g->untouched_pages);
    pmm_free_table(frame_of_ptr(g->pages), g->pages_order_frames);
    g->pages = NULL;
}
