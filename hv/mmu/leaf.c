/* SPDX-License-Identifier: MIT */
/* Leaves, and the reverse map: for each guest page how many leaves map it and the
 * sum of their numbers, in one word. Adding and removing are a few instructions, and
 * whenever exactly one mapping is left, the sum is its number: that is how the one
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

void leaf_gone(struct shadow_mmu *m, const struct shadow_table *t, const uint64_t *leaf,
               struct gpage *p)
{
    if (gpage_is_table(p) && (*leaf & PT_D))
        gpage_note_written(p);
    if (t->pinned)
        forget(m, PIN_GONE);
}

/* T:150 Every leaf is written here or in leaf_replace(), so that nothing about it is forgotten. */
void leaf_set(struct shadow_mmu *m, struct shadow_table *t, uint32_t i, uint32_t gpte)
{
    leaf_replace(m, t, i, gpte, gpte_is_used(m, gpte));
}

void page_watch(struct shadow_mmu *m, struct gpage *p)
{
    gpage_note_compared(p);
    if (gpage_mappings(p) == 1)
        *only_leaf(m, p) &= ~(uint64_t)PT_D;
}

void shadow_note_write(struct guest *g, gfn_t f)
{
    struct gpage *p = &g->pages[f.v];

    if (gpage_is_table(p)) {
        gpage_note_written(p);
        rest_end(g->mmu, f.v);
    }
}

void shadow_note_alias(struct guest *g, gfn_t f)
{
    hv_assert(!gpage_is_untouched(&g->pages[f.v]));
    gpage_note_alias(&g->pages[f.v]);
    rest_end(g->mmu, f.v);
}
