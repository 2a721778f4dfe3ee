/* SPDX-License-Identifier: MIT */
/* T:320 The reverse map.  For each guest page: how many shadow leaves map it and the
 * sum of their ids, in one word.  Adding and removing are a few instructions, and
 * whenever exactly one mapping is left, the sum is its id: that is how the one
 * writable mapping of a page-table page is found, whose D bit the CPU sets when the
 * guest writes there. */
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

void leaf_gone_slow(struct shadow_mmu *m, struct gpage *p, uint32_t ent_lo)
{
    if (p->frame & GPAGE_REMEMBERED)
        writable_forget(m, p);
    if ((p->frame & GPAGE_PT) && (ent_lo & (PT_RW | PT_D)) == (PT_RW | PT_D))
        p->frame |= GPAGE_DIRTY;
}

const uint64_t never_dirty, always_dirty = PT_D;

const uint64_t *dirty_witness(const struct shadow_mmu *m, const struct gpage *p)
{
    uint32_t count = p->rmap & RMAP_COUNT;

    if (count == 0)
        return &never_dirty;
    return count == 1 ? only_mapping(m, p) : &always_dirty;
}

void shadow_note_write(struct guest *g, gfn_t f)
{
    struct gpage *p = &g->pages[f.v];

    if (p->frame & GPAGE_PT) {
        p->frame |= GPAGE_DIRTY;
        quiet_end(g->mmu, f.v);
    }
}

void shadow_note_alias(struct guest *g, gfn_t f)
{
    mmu_assert(!gpage_is_untouched(&g->pages[f.v]));
    g->pages[f.v].frame |= GPAGE_ALIASED;
    quiet_end(g->mmu, f.v);
}
