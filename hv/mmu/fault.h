/* SPDX-License-Identifier: MIT */
/* Page faults (ABI 7.3): a leaf is put in by the table that the root links for the
 * address, or by a walk of the guest's tables, which links what it finds. For one
 * geometry. */
#pragma once

#include "link.h"

#include "hv/gmem.h"

/* How many leaves around a fault are looked at, aligned. */
#define AROUND 32u

/* Puts in the neighbours of leaf i that the CPU could load without a fault and without
 * writing to the guest's tables, if it is worth it: the next one, or the one before,
 * would go in, and is not there. A run that the guest touches for the first time has A
 * clear there; and where single entries come and go, as a kernel's temporary mappings
 * do, those beside are there. What nobody has touched stays so. e: the guest's entry. */
static void fill_around(struct shadow_mmu *m, struct shadow_table *t, uint32_t i,
                        const uint32_t *e)
{
    uint32_t first = i & ~(AROUND - 1), mapping = leaf_mapping(t, first);
    uint32_t have = t->present[first / 32];
    uint64_t *leaf = &t->ents[first];

    e -= (i - first) * ENTRY_DWORDS;
    if (entry_present(t, i ^ 1) ||
        !gpte_is_used(m, entry_read(e + (i ^ 1) % AROUND * ENTRY_DWORDS)))
        return;
    for (uint32_t k = 0; k < AROUND; k++, leaf++, mapping += GPAGE_NEXT_MAPPING) {
        uint32_t gpte = entry_read(e + k * ENTRY_DWORDS);

        if (gpte_is_used(m, gpte) && !(have >> k & 1) &&
            leaf_put(leaf, &m->pages[gpte >> HV_PAGE_SHIFT], gpte, mapping))
            have |= 1u << k;
    }
    t->present[first / 32] = have;
    t->groups |= 1u << (first / 32);
}

/* The page that may be touched, and it is untouched or at rest. */
static HV_NOINLINE void prepare_page(struct guest *g, uint32_t gfn, uint32_t access)
{
    (void)gmem_frame(g, GFN(gfn));
    if (access & PT_RW)
        rest_end(g->mmu, gfn);
}

/* T:140 Puts in the leaf of va in table t, if the guest's entry, with these rights of the
 * directory's, allows the access; A and D are set there as the CPU would. false: it does
 * not, or it has just changed. */
HV_INLINE bool fill(struct shadow_mmu *m, struct shadow_table *t, uint32_t va, uint32_t access,
                    uint32_t rights)
{
    uint32_t i = va_l1(va);
    uint32_t *e = table_entry(m->guest, t, i);
    uint32_t gpte = entry_read(e), want;
    struct gpage *p;

    if (hv_unlikely((gpte & rights & (access | PT_P)) != (access | PT_P) || (gpte & PT_PS) ||
                    gpte > m->gpte_last))
        return false;
    want = gpte | PT_A | (access & PT_RW ? PT_D : 0);
    if (gpte != want && hv_unlikely(!entry_set(e, gpte, want)))
        return false;
    p = &m->pages[want >> HV_PAGE_SHIFT];
    if (hv_unlikely(!gpage_may_write(p)))
        prepare_page(m->guest, want >> HV_PAGE_SHIFT, access);
    if (hv_likely(!leaf_is_present(&t->ents[i])))
        leaf_add(t, i, p, want);
    else
        leaf_set(m, t, i, want);
    if (gpte == want)
        fill_around(m, t, i, e);
    return true;
}

static HV_NOINLINE uint32_t fault_by_walk(struct vcpu *v, uint32_t va, uint32_t access)
{
    struct shadow_mmu *m = v->guest->mmu;

    while (va < LAYOUT_GUEST_TOP) {
        struct walk w;
        enum walk_result r = walk(v->guest, v->root->gcr3, va, access, &w);
        struct shadow_table *t = r == WALK_NO_TABLE || r == WALK_KILLED
                                     ? NULL : linked_table(v->root, va, &w);

        if (hv_unlikely(r == WALK_KILLED))
            return SHADOW_FILLED;
        if (r != WALK_OK) {
            forget_denied(m, v->root, va, t);
            return r == WALK_DENIED ? access | PF_ERR_P : access;
        }
        if (!t)
            t = link_table(m, v->root, va, &w);
        if (hv_likely(t != NULL)) {
            if (fill(m, t, va, access, w.pde))
                return SHADOW_FILLED;
        } else if (m->breaks == m->link_breaks) {
            pool_make_room(v); /* that was what it lacked */
        }
    }
    return access;
}

/* T:110 First by the table that is linked there, then by a walk of the guest's own. */
static uint32_t fault(struct vcpu *v, gva_t gva, uint32_t hw_err)
{
    uint32_t access = hw_err & (PT_RW | PT_US), va = gva.v;
    struct shadow_table *t;

    /* Until the next flush the CPU may go by what the directories said when the table was
     * linked (SDM 3A 4.10.4). */
    if (hv_likely(!(hw_err & PF_ERR_P))) {
        t = current_table(v, va);
        if (hv_likely(t != NULL) &&
            hv_likely(fill(v->guest->mmu, t, va, access, v->shadow.rights)))
            return SHADOW_FILLED;
    }
    return fault_by_walk(v, va, access);
}
