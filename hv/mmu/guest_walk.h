/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: a walk of the guest's own tables for one access, as the CPU
 * would do it (SDM 3A 4.3, 4.4). */
#pragma once

#include "walk.h"

enum walk_result {
    WALK_OK,
    WALK_NO_TABLE, /* a directory entry is not present */
    WALK_ABSENT,   /* the table's is not */
    WALK_DENIED,
    WALK_KILLED,
};

/* A walk of the guest's own tables for one address. */
struct walk {
    uint32_t dir_gfn;   /* frame of the directory that holds the PDE */
    uint32_t table_gfn; /* frame of the table that holds the PTE */
    uint32_t pde, pte;  /* low dwords, A and D as they are after the walk */
    uint32_t gfn;       /* what the PTE maps */
};

/* Entries of the guest that kill it (ABI 7.2); WALK_KILLED. */
enum walk_result walk_bad(struct guest *g, const char *what, uint32_t lo,
                          uint32_t hi);

/* PAE: from CR3 to the page of the directory that covers va, which was touched. */
enum walk_result walk_pdpte(struct guest *g, uint32_t gcr3, uint32_t va,
                            uint32_t *dir_gfn);

/* Walks gcr3 for an access (PT_RW, PT_US bits).  If it is allowed, sets A (and D
 * for a write) in the guest's entries as the CPU would.  gcr3 is a root's, so its page
 * was touched; in others that were not, there are zeros.  Inline, once for each format:
 * this is in every page fault. */
HV_INLINE enum walk_result guest_walk(struct guest *g, uint32_t gcr3, uint32_t va,
                                      uint32_t access, struct walk *w, bool pae)
{
    uint32_t set = PT_A | ((access & PT_RW) ? PT_D : 0);
    uint32_t *e;

    if (pae) {
        enum walk_result r = walk_pdpte(g, gcr3, va, &w->dir_gfn);

        if (hv_unlikely(r != WALK_OK))
            return r;
    } else {
        w->dir_gfn = gcr3 >> HV_PAGE_SHIFT;
    }
again:
    e = (uint32_t *)(void *)gpage_known(g, w->dir_gfn);
    e += pae ? va_l2(va) * 2 : va >> 22;
    w->pde = hv_read_once(*e);
    if (!(w->pde & PT_P))
        return WALK_NO_TABLE;
    w->table_gfn = w->pde >> HV_PAGE_SHIFT;
    if (hv_unlikely((w->pde & GPDE_BAD) || (pae && hv_read_once(e[1])) ||
                    w->table_gfn >= g->limit_pages))
        return walk_bad(g, pae ? "page middle directory entry" : "page directory entry",
                        w->pde, pae ? e[1] : 0);
    if (hv_unlikely(!(w->pde & PT_A))) {
        if (!guest_entry_set(e, w->pde, w->pde | PT_A))
            goto again;
        w->pde |= PT_A;
    }
    if (hv_unlikely(gpage_is_untouched(&g->pages[w->table_gfn])))
        return WALK_ABSENT;
    e = (uint32_t *)(void *)gpage_known(g, w->table_gfn);
    e += pae ? va_l1(va) * 2 : (va >> HV_PAGE_SHIFT) & 1023u;
    w->pte = hv_read_once(*e);
    if (!(w->pte & PT_P))
        return WALK_ABSENT;
    w->gfn = w->pte >> HV_PAGE_SHIFT;
    if (hv_unlikely((w->pte & PT_PS) || (pae && hv_read_once(e[1])) ||
                    w->gfn >= g->limit_pages))
        return walk_bad(g, "page table entry", w->pte, pae ? e[1] : 0);
    if (access & ~(w->pde & w->pte))
        return WALK_DENIED;
    if ((w->pte & set) != set) {
        if (!guest_entry_set(e, w->pte, w->pte | set))
            goto again;
        w->pte |= set;
    }
    return WALK_OK;
}

/* PAE: the top-level entries, at e, are what they were. Those that no directory was
 * linked by do not matter, but they change with the others. */
HV_INLINE bool top_words_same(const struct shadow_root *r, const volatile uint32_t *e)
{
    return !((e[0] ^ r->seen[0]) | e[1] | (e[2] ^ r->seen[1]) | e[3] |
             (e[4] ^ r->seen[2]) | e[5] | (e[6] ^ r->seen[3]) | e[7]);
}

/* Only finds the frame of the table that holds va's PTE (dir_gfn, table_gfn, pde); no
 * rights, no A/D, nobody is killed. false: there is none. */
bool guest_find_table(struct guest *g, uint32_t gcr3, uint32_t va, struct walk *w);
