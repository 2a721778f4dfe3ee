/* SPDX-License-Identifier: MIT */
/* T:335 Tables at rest.  A flush of everything has to compare each page-table page
 * that was written, and asks the D bit of the one leaf through which the guest can
 * write there; for all pages of a large kernel that is a lot to ask, and kernels with
 * high memory flush everything at each temporary mapping. So a page that was clean at
 * many such flushes is made read-only and passed by: it is a table at rest until
 * the first write, which faults, or until the monitor writes there. GPAGE_OURS is
 * clear meanwhile, which is what keeps every new mapping of it read-only. */
#include "leaf.h"

struct shadow_table *table_of_page(const struct shadow_mmu *m, uint32_t gfn, uint32_t n)
{
    /* 2 quadrants as table, 4 as directory, 4 with the switcher. */
    uint32_t q = n < 2 ? n : (n - 2) & 3;
    uint32_t level = n < 2 ? 0 : n < 6 ? KEY_L2 : KEY_L2 | KEY_SWITCHER;

    return table_find(m, gfn | level | KEY_QUADRANT(q));
}

static void set_page_loose(struct shadow_mmu *m, uint32_t gfn, bool loose)
{
    uint32_t left = m->guest->pages[gfn].frame / GPAGE_PT_ONE;

    for (uint32_t n = 0; n < PAGE_TABLES && left; n++) {
        struct shadow_table *t = table_of_page(m, gfn, n);

        if (!t)
            continue;
        left--;
        t->idle = 0;
        set_loose(m, t->id, loose);
    }
}

void quiet_end(struct shadow_mmu *m, uint32_t gfn)
{
    struct gpage *p = &m->guest->pages[gfn];

    if (p->frame & GPAGE_OURS)
        return;
    p->frame |= GPAGE_OURS;
    set_page_loose(m, gfn, true);
}

void quiet_begin(struct shadow_mmu *m, uint32_t gfn)
{
    struct gpage *p = &m->guest->pages[gfn];

    if (gpage_is_dirty(m, p)) /* as one of several mappings always is */
        return;
    if ((p->rmap & RMAP_COUNT) == 1) {
        uint64_t *leaf = only_mapping(m, p);

        leaf_gone(m, p, (uint32_t)*leaf);
        *leaf &= ~(uint64_t)(PT_RW | PT_D);
        m->pin_gen += table_by_id(m, p->rmap >> 17)->pinned;
    }
    p->frame &= ~GPAGE_OURS;
    set_page_loose(m, gfn, false);
}
