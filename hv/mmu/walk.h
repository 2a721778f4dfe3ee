/* SPDX-License-Identifier: MIT */
/* The guest's own page tables, walked as the CPU would walk them (SDM 3A 4.3
 * and 4.4, CR0.WP = 1), with the checks of the ABI, section 7.2.  Each entry is
 * read once; A and D are set with compare-and-exchange. For one geometry. */
#pragma once

#include "geometry.h"

#include "leaf.h"

#define PDE_BAD 0xf98u   /* ABI 7.2: a directory entry has only 0x067 */
#define PDPTE_BAD 0xffeu /* a PAE top-level entry only 0x001 */

enum walk_result {
    WALK_OK,
    WALK_NO_TABLE, /* a directory entry is not present */
    WALK_ABSENT,   /* the table's is not */
    WALK_DENIED,
    WALK_KILLED,
};

struct walk {
    uint32_t dir_gfn;   /* frame of the directory that holds the PDE */
    uint32_t table_gfn; /* frame of the table that holds the PTE */
    uint32_t pde;       /* low dword, A as it is after the walk */
};

/* What a guest entry says: its low dword, or 0 if the high one is set. */
HV_INLINE uint32_t entry_read(const uint32_t *e)
{
    uint32_t lo = hv_read_once(*e);

    return hv_unlikely(entry_high(e) != 0) ? 0 : lo;
}

/* Makes the low dword of a guest entry that must still be `seen` what A and D make of it,
 * atomically: another CPU or device may write there. false: it changed. */
HV_INLINE bool entry_set(uint32_t *e, uint32_t seen, uint32_t now)
{
    return __atomic_compare_exchange_n(e, &seen, now, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

/* Entry i of a page that is a table, and so was touched. */
HV_INLINE uint32_t *page_entry(const struct guest *g, uint32_t gfn, uint32_t i)
{
    return (uint32_t *)frame_ptr(gpage_frame(&g->pages[gfn])) + i * ENTRY_DWORDS;
}

/* The guest's entry for entry i of a shadow table. */
HV_INLINE uint32_t *table_entry(const struct guest *g, const struct shadow_table *t, uint32_t i)
{
    if (hv_likely(t->gents != NULL))
        return t->gents + i * ENTRY_DWORDS;
    return page_entry(g, t->key & KEY_GFN, entry_index(t->key, i));
}

/* The same for a directory. */
HV_INLINE uint32_t *dir_entry(const struct guest *g, const struct shadow_table *pd, uint32_t i)
{
    return page_entry(g, pd->key & KEY_GFN, entry_index(pd->key, i));
}

static enum walk_result walk_bad(struct guest *g, const char *what, uint32_t lo, uint32_t hi)
{
    guest_kill(g, "bad %s %#x%08x", what, hi, lo);
    return WALK_KILLED;
}

/* From CR3, which is a root's, to the page of the directory for va. */
HV_INLINE enum walk_result walk_top(struct guest *g, uint32_t gcr3, uint32_t va, struct walk *w)
{
    uint32_t hi, lo = top_entry(g, gcr3, va, &hi);

    if (!(lo & PT_P))
        return WALK_NO_TABLE;
    w->dir_gfn = lo >> HV_PAGE_SHIFT;
    if (hv_unlikely((lo & PDPTE_BAD) || hi || w->dir_gfn >= g->limit_pages))
        return walk_bad(g, "page directory entry", lo, hi);
    return gpage_is_untouched(&g->pages[w->dir_gfn]) ? WALK_NO_TABLE : WALK_OK;
}

/* From there to the page of the table. Sets A in the directory. */
HV_INLINE enum walk_result walk_dir(struct guest *g, uint32_t va, struct walk *w)
{
    uint32_t *e = page_entry(g, w->dir_gfn, pde_index(va));

    for (;;) {
        w->pde = hv_read_once(*e);
        if (!(w->pde & PT_P))
            return WALK_NO_TABLE;
        w->table_gfn = w->pde >> HV_PAGE_SHIFT;
        if (hv_unlikely((w->pde & PDE_BAD) || entry_high(e) ||
                        w->table_gfn >= g->limit_pages))
            return walk_bad(g, PDE_NAME, w->pde, entry_high(e));
        if (hv_likely((w->pde & PT_A) || entry_set(e, w->pde, w->pde | PT_A))) {
            w->pde |= PT_A;
            return WALK_OK;
        }
    }
}

/* T:120 Walks the tables of gcr3 for an access (PT_RW, PT_US bits), up to the last entry, where
 * A and D are for fill(). gcr3 is a root's; in other pages that nobody has touched there
 * are zeros. */
static enum walk_result walk(struct guest *g, uint32_t gcr3, uint32_t va, uint32_t access,
                             struct walk *w)
{
    enum walk_result r = walk_top(g, gcr3, va, w);
    const uint32_t *e;
    uint32_t pte;

    if (hv_likely(r == WALK_OK))
        r = walk_dir(g, va, w);
    if (hv_unlikely(r != WALK_OK))
        return r;
    if (hv_unlikely(gpage_is_untouched(&g->pages[w->table_gfn])))
        return WALK_ABSENT;
    e = page_entry(g, w->table_gfn, pte_index(va));
    pte = hv_read_once(*e);
    if (!(pte & PT_P))
        return WALK_ABSENT;
    if (hv_unlikely((pte & PT_PS) || entry_high(e) || pte > g->mmu->gpte_last))
        return walk_bad(g, "page table entry", pte, entry_high(e));
    return access & ~(w->pde & pte) ? WALK_DENIED : WALK_OK;
}

/* The guest's entry for va, and the page that it is in; NULL: there is none, or where it
 * should be nobody has written. No rights, no A and D, nobody is killed. */
static const uint32_t *find_entry(const struct guest *g, uint32_t gcr3, uint32_t va,
                                  uint32_t *table_gfn)
{
    uint32_t hi, lo, gfn;

    if (!page_bytes(g, gcr3 >> HV_PAGE_SHIFT))
        return NULL;
    lo = top_entry(g, gcr3 & ~CR3_RESERVED, va, &hi);
    gfn = lo >> HV_PAGE_SHIFT;
    if (!(lo & PT_P) || !page_bytes(g, gfn))
        return NULL;
    lo = hv_read_once(*page_entry(g, gfn, pde_index(va)));
    *table_gfn = lo >> HV_PAGE_SHIFT;
    if (!(lo & PT_P) || !page_bytes(g, *table_gfn))
        return NULL;
    return page_entry(g, *table_gfn, pte_index(va));
}

static bool look(const struct guest *g, uint32_t gcr3, uint32_t va, uint32_t *gpte)
{
    uint32_t table_gfn;
    const uint32_t *e = find_entry(g, gcr3, va, &table_gfn);

    *gpte = e ? hv_read_once(*e) : 0;
    return e != NULL;
}

/* For table_entry(). */
static uint32_t *first_entry(const struct guest *g, const struct shadow_table *t)
{
    if ((t->key & KEY_L2) || !frame_is_direct(gpage_frame(&g->pages[t->key & KEY_GFN])))
        return NULL;
    return page_entry(g, t->key & KEY_GFN, entry_index(t->key, 0));
}
