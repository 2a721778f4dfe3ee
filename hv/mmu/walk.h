/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: guest tables as the CPU walks them, and which shadow table
 * stands for which of them. */
#pragma once

#include "leaf.h"

/* Bytes of the page of guest memory with this number, for a look: it is not touched
 * by this. NULL if it is untouched, and so holds zeros, or beyond the guest's limit. */
HV_INLINE uint8_t *gpage_bytes(const struct guest *g, uint32_t gfn)
{
    if (hv_unlikely(gfn >= g->limit_pages || gpage_is_untouched(&g->pages[gfn])))
        return NULL;
    return frame_ptr(gpage_frame(&g->pages[gfn]));
}

/* The same for a page that is below the limit and was touched, as one with shadows. */
HV_INLINE uint8_t *gpage_known(const struct guest *g, uint32_t gfn)
{
    return frame_ptr(gpage_frame(&g->pages[gfn]));
}

/* Makes a guest entry that must still hold `seen` what A and D make of it, atomically:
 * another CPU or device may write there. false: it changed. */
HV_INLINE bool guest_entry_set(uint32_t *ent, uint32_t seen, uint32_t now)
{
    return __atomic_compare_exchange_n(ent, &seen, now, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Guest entry i (guest numbering) of a table page; hi gets the upper dword of a
 * PAE entry, else 0. */
HV_INLINE uint32_t guest_entry(const struct guest *g, const uint8_t *table,
                               uint32_t i, uint32_t *hi)
{
    const volatile uint32_t *e;

    if (g->pae) {
        e = (const volatile uint32_t *)(const volatile void *)(table + i * 8);
        *hi = e[1];
    } else {
        e = (const volatile uint32_t *)(const volatile void *)(table + i * 4);
        *hi = 0;
    }
    return *e;
}

/* Which guest entry the shadow entry i of t stands for. */
HV_INLINE uint32_t guest_index(const struct guest *g,
                               const struct shadow_table *t, uint32_t i)
{
    uint32_t q = (t->key >> 20) & 3;

    if (g->pae)
        return i;
    return t->key & KEY_L2 ? q * 256 + i / 2 : q * 512 + i;
}

/* The guest's entry for shadow entry 0 of a table, in its page: the shadow of a 2-level
 * table has half of it. */
HV_INLINE uint32_t *table_half(uint8_t *page, const struct shadow_table *t, bool pae)
{
    uint32_t *gents = (uint32_t *)(void *)page;

    return !pae && (t->key & KEY_QUADRANT(1)) ? gents + ENTRIES : gents;
}

HV_INLINE uint32_t l1_key(const struct guest *g, uint32_t gfn, uint32_t va)
{
    return g->pae ? gfn : gfn | KEY_QUADRANT((va >> 21) & 1);
}

HV_INLINE uint32_t l2_key(const struct guest *g, uint32_t gfn, uint32_t va)
{
    uint32_t top = va >> 30;
    uint32_t k = gfn | KEY_L2 | (top == 3 ? KEY_SWITCHER : 0);

    return g->pae ? k : k | KEY_QUADRANT(top);
}

HV_INLINE uint32_t va_l2(uint32_t va)
{
    return (va >> 21) & (ENTRIES - 1);
}

HV_INLINE uint32_t va_l1(uint32_t va)
{
    return (va >> HV_PAGE_SHIFT) & (ENTRIES - 1);
}

/* The L1 table of va in a root, or NULL if there is none yet. */
HV_INLINE struct shadow_table *root_l1(const struct shadow_root *r, uint32_t va)
{
    const struct shadow_table *pd = r->pd[va >> 30];
    uint64_t pde;

    if (!pd)
        return NULL;
    pde = pd->ents[va_l2(va)];
    if (!(pde & PT_P))
        return NULL;
    return table_of(pde);
}

/* The guest's entry for shadow entry i of the remembered table. */
HV_INLINE uint32_t *link_guest_entry(const struct link_cache *l, uint32_t i, bool pae)
{
    return l->gents + (pae ? i * 2 : i);
}

/* What the table of va was found by, from directory page dir_gfn with this entry in
 * it; PAE: and from the page of CR3. Pages outside of the direct map have no address
 * that stays: no evidence then. */
HV_INLINE void evidence_take(struct evidence *e, const struct guest *g, uint32_t gcr3,
                             uint32_t va, uint32_t dir_gfn, uint32_t pde, bool pae)
{
    hfn_t frame = gpage_frame(&g->pages[dir_gfn]);
    hfn_t top = pae ? gpage_frame(&g->pages[gcr3 >> HV_PAGE_SHIFT]) : HFN_NONE;
    const uint32_t *word;

    e->word[0] = NULL;
    if (hv_unlikely(!frame_is_direct(frame) || !frame_is_direct(top)))
        return;
    e->word[0] = (const uint32_t *)frame_ptr(frame) +
                 (pae ? va_l2(va) * 2 : va >> 22);
    e->value[0] = pde;
    if (!pae)
        return;
    word = (const uint32_t *)frame_ptr(top) + (gcr3 & (HV_PAGE_MASK & ~31u)) / 4 +
           (va >> 30) * 2;
    e->word[1] = word;
    e->value[1] = hv_read_once(*word);
}

HV_INLINE bool evidence_holds(const struct evidence *e, bool pae)
{
    return e->word[0] && hv_read_once(*e->word[0]) == e->value[0] &&
           (!pae || hv_read_once(*e->word[1]) == e->value[1]);
}

/* The same for a table that is linked already: only if the guest's directory names
 * it now, with the rights that the link has (ent). */
HV_INLINE void evidence_of_link(struct evidence *e, const struct guest *g,
                                const struct shadow_root *r, uint32_t va,
                                const struct shadow_table *t, uint32_t ent, bool pae)
{
    uint32_t key = r->pd[va >> 30]->key, pde;

    evidence_take(e, g, r->gcr3, va, key & KEY_GFN, 0, pae);
    if (hv_unlikely(!e->word[0]))
        return;
    pde = hv_read_once(*e->word[0]);
    e->value[0] = pde;
    if ((pde ^ (t->key << HV_PAGE_SHIFT)) & ~HV_PAGE_MASK ||
        (pde & (GPDE_BAD | PT_P | PT_A | PT_RW | PT_US)) !=
            (PT_P | PT_A | (ent & (PT_RW | PT_US))) ||
        (pae && e->value[1] != (key << HV_PAGE_SHIFT | PT_P)))
        e->word[0] = NULL;
}

/* Remembers the table of va, which is linked in the current root, as v->link: for
 * faults, and for SET_PTE if that is a user address with nothing pinned in the table. */
void link_remember(struct vcpu *v, uint32_t va);

/* The guest gets a fault for va, where the current root has a table. What a process
 * touches for the first time it will fill in, and say so: the table is remembered, if
 * it is the one that the walk found, with *gpte in it. If not (NULL), the CPU has
 * forgotten the old directory entry by this fault, as it has what an old table entry
 * said of the page (SDM 3A 4.10.4.1), and so does the shadow. */
void link_denied(struct vcpu *v, uint32_t va, const uint32_t *gpte);

/* True if v->link has another table now, which covers va. */
HV_INLINE bool link_switch(struct vcpu *v, uint32_t va)
{
    struct shadow_mmu *m = v->guest->mmu;

    if (va - v->link->first < v->link->bytes)
        return false;
    for (uint32_t live = m->links_live; live; live &= live - 1) {
        struct link_cache *l = &m->links[__builtin_ctz(live)];

        if (va - l->first < LINK_BYTES) {
            v->link = l;
            return true;
        }
    }
    return false;
}
