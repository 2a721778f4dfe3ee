/* SPDX-License-Identifier: MIT */
/* T:320 The reverse map.  For each guest page: how many shadow leaves map it and the
 * exclusive-or of their ids.  Adding and removing are a few instructions, and
 * whenever exactly one mapping is left, the exclusive-or is its id: that is how
 * the one writable mapping of a page-table page is found, whose D bit the CPU
 * sets when the guest writes there. */
#include "leaf.h"

#include "hv/panic.h"

uintptr_t *frame_owner;

void rmap_init(void)
{
    uint32_t frames = pmm_frame_limit();
    uint32_t pages = (frames * (uint32_t)sizeof(*frame_owner) + HV_PAGE_MASK) >> HV_PAGE_SHIFT;
    hfn_t f = pmm_alloc_contig(pages, 1, 0);

    if (hfn_is_none(f))
        hv_panic("no memory for the frame owner table (%u pages)", pages);
    frame_owner = frame_ptr(f);
}

void rmap_own(struct guest *g, uint32_t gfn, hfn_t f)
{
    g->pages[gfn].frame = f.v | GPAGE_OURS;
    frame_owner[f.v] = gfn;
}

void gpage_track(struct shadow_mmu *m, struct gpage *p)
{
    m->writable.va = 1;
    p->frame &= ~GPAGE_DIRTY;
    if ((p->rmap & RMAP_COUNT) == 1)
        *only_mapping(m, p) &= ~(uint64_t)PT_D;
    /* With more mappings the page counts as always dirty; when all but one
     * are gone, the one that stays may have D set from long ago: that only
     * costs a comparison. */
}

void shadow_note_write(struct guest *g, gfn_t f)
{
    struct gpage *p = &g->pages[f.v];

    if (p->frame & GPAGE_PT)
        p->frame |= GPAGE_DIRTY;
}

void shadow_note_alias(struct guest *g, gfn_t f)
{
    g->pages[f.v].frame |= GPAGE_ALIASED;
}
