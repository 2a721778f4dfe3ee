/* SPDX-License-Identifier: MIT */
/* Linear mode (ABI 1.5): until its first NEW_PGTABLE a guest of 3.1 and later runs
 * with VA == PA, everything writable and for the supervisor. The shadow tables of
 * this mode shadow no guest page and go when the mode ends. */
#include "walk.h"

#include "hv/gmem.h"

#define AROUND 32u

static struct shadow_table *linear_table(struct shadow_mmu *m, struct shadow_root *r,
                                         uint32_t va)
{
    uint32_t top = va >> 30, i = va_l2(va);
    struct shadow_table *pd = r->pd[top], *t;

    if (!pd) {
        pd = table_get(m, KEY_LINEAR | KEY_L2 | (top << 18));
        if (!pd)
            return NULL;
        root_set_pd(m, r, top, pd);
    }
    if (pd->ents[i] & PT_P)
        return table_of(pd->ents[i]);
    t = table_get(m, KEY_LINEAR | (va >> 21 << 9));
    if (!t)
        return NULL;
    t->links++;
    pd->ents[i] = (uint64_t)(uintptr_t)t->ents | PT_P | PT_RW | PT_A;
    mark_present(pd, i);
    return t;
}

bool linear_fault(struct vcpu *v, uint32_t va)
{
    struct guest *g = v->guest;
    uint32_t gfn = va >> HV_PAGE_SHIFT;
    struct shadow_table *t;

    if (gfn >= g->limit_pages) {
        guest_kill(g, "bad page table entry (linear address %#x is beyond memory)", va);
        return true;
    }
    while ((t = linear_table(g->mmu, v->root, va)) == NULL)
        pool_make_room(v);
    (void)gmem_frame(g, GFN(gfn));
    gfn &= ~(AROUND - 1);
    for (uint32_t n = 0; n < AROUND && gfn + n < g->limit_pages; n++) {
        uint32_t i = (gfn + n) & (ENTRIES - 1);

        if (!entry_present(t, i) && !gpage_is_untouched(&g->pages[gfn + n]))
            leaf_install(t, i, &g->pages[gfn + n], PT_P | PT_RW | PT_A);
    }
    return true;
}
