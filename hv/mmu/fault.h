/* SPDX-License-Identifier: MIT */
/* T:340 Page faults (ABI 7.3): a leaf is put in by the table that the root links for the
 * address, or by a walk of the guest's tables, which links what it finds. For one
 * geometry. */
#pragma once

#include "compare.h"
#include "root.h"

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
    if (entry_present(t, i ^ 1) || !gpte_is_used(m, entry_read(e + (i ^ 1) % AROUND * ENTRY_DWORDS)))
        return;
    for (uint32_t k = 0; k < AROUND; k++, leaf++, mapping += GPAGE_NEXT_MAPPING) {
        uint32_t gpte = entry_read(e + k * ENTRY_DWORDS);

        if (gpte_is_used(m, gpte) && !(have >> k & 1) &&
            leaf_put(leaf, &m->pages[gpte >> HV_PAGE_SHIFT], gpte, mapping))
            have |= 1u << k;
    }
    t->present[first / 32] = have;
}

/* The page that may be touched, and it is untouched or at rest. */
static HV_NOINLINE void prepare_page(struct guest *g, uint32_t gfn, uint32_t access)
{
    (void)gmem_frame(g, GFN(gfn));
    if (access & PT_RW)
        rest_end(g->mmu, gfn);
}

/* Puts in the leaf of va in table t, if the guest's entry, with these rights of the
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
    if (hv_likely(!t->ents[i]))
        leaf_add(t, i, p, want);
    else
        leaf_set(m, t, i, want);
    if (gpte == want)
        fill_around(m, t, i, e);
    return true;
}

/* Links every directory entry whose table is there already and whose A bit is
 * set: a new root finds its kernel half at once. */
static void link_around(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i)
{
    struct guest *g = m->guest;
    uint32_t end = pd->key & KEY_SWITCHER ? RESERVED_ENTRY : ENTRIES;

    for (uint32_t k = i & ~31u; k < (i | 31u) + 1 && k < end; k++) {
        uint32_t gpde = entry_read(dir_entry(g, pd, k));
        struct shadow_table *t;

        if ((gpde & (PT_P | PT_A | PDE_BAD)) != (PT_P | PT_A) || gpde > m->gpte_last ||
            entry_present(pd, k))
            continue;
        t = table_find(m, table_key(gpde >> HV_PAGE_SHIFT, k << 21));
        if (t && !page_is_written(m, table_page(m, t)))
            link_set(m, pd, k, t, gpde);
    }
}

/* The directory of va in the root, linked; NULL: no room. One that another root links
 * is compared before it is trusted here, and so are the tables that it brings along:
 * whoever unlinked them there may not have said so. */
static struct shadow_table *get_dir(struct shadow_mmu *m, struct shadow_root *r,
                                    uint32_t va, uint32_t dir_gfn)
{
    uint32_t top = va >> 30, key = dir_key(dir_gfn, va);
    struct shadow_table *pd = r->pd[top];
    bool old;

    if (hv_likely(pd && pd->key == key))
        return pd;
    pd = table_get(m, key);
    if (!pd)
        return NULL;
    old = pd->links > 0;
    root_set_pd(m, r, top, pd);
    r->raw[top] = dir_gfn << HV_PAGE_SHIFT | PT_P;
    if (old)
        compare_dir(m, r, top, ENTRIES);
    return pd;
}

/* Links the table of va as the guest's directory said in this walk; NULL: no room, or
 * interrupts were let in, and it may say something else by now. */
static struct shadow_table *link_table(struct shadow_mmu *m, struct shadow_root *r,
                                       uint32_t va, const struct walk *w)
{
    uint32_t breaks = m->link_breaks = m->breaks, i = va_l2(va);
    struct shadow_table *pd = get_dir(m, r, va, w->dir_gfn), *t;
    bool fresh, old;

    if (!pd)
        return NULL;
    fresh = next_present(pd, 0) == ENTRIES;
    t = table_get(m, table_key(w->table_gfn, va));
    if (!t)
        return NULL;
    old = t->links++ > 0; /* it is held meanwhile */
    /* The page is becoming a table while others stand for it as a directory. Most likely
     * an address space died and its pages were used again: or every flush would compare
     * them. */
    if (gpage_tables(table_page(m, t)) > HALVES)
        root_drop_users(m, r, w->table_gfn);
    if (entry_present(pd, i))
        link_clear(m, pd, i);
    if (m->breaks == breaks) {
        link_set(m, pd, i, t, w->pde);
        if (old)
            compare_if_written(m, t->key);
        /* A new directory, or the kernel's half: its neighbours may well be there. */
        if (fresh || va >= m->guest->kernel_address)
            link_around(m, pd, i);
    }
    table_unlink(m, t);
    return m->breaks == breaks ? t : NULL;
}

/* The table of va if it is linked already just as the walk found it. */
static struct shadow_table *linked_table(const struct shadow_root *r, uint32_t va,
                                         const struct walk *w)
{
    uint32_t rights;
    struct shadow_table *t = root_table(r, va, &rights);

    if (!t || (r->pd[va >> 30]->key & (KEY_GFN | KEY_LINEAR)) != w->dir_gfn ||
        ((rights ^ w->pde) & (PT_RW | PT_US)) || t->key != table_key(w->table_gfn, va))
        return NULL;
    return t;
}

/* The guest gets a fault for va. The CPU has forgotten by this what another directory
 * entry than the walk found (found is NULL), or another table entry, said of the page
 * (SDM 3A 4.10.4.1), and so do its shadows. */
static void forget_denied(struct shadow_mmu *m, const struct shadow_root *r, uint32_t va,
                          const struct shadow_table *found)
{
    uint32_t rights, i = va_l1(va);
    struct shadow_table *t = root_table(r, va, &rights);

    if (!t)
        return;
    if (t != found)
        link_clear(m, r->pd[va >> 30], va_l2(va));
    else if (entry_present(t, i))
        leaf_set(m, t, i, entry_read(table_entry(m->guest, t, i)));
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

static uint32_t fault(struct vcpu *v, uint32_t va, uint32_t hw_err)
{
    uint32_t access = hw_err & (PT_RW | PT_US), rights;
    struct shadow_table *t;

    /* Until the next flush the CPU may go by what the directories said when the table was
     * linked (SDM 3A 4.10.4). */
    if (hv_likely(!(hw_err & PF_ERR_P))) {
        t = root_table(v->root, va, &rights);
        if (hv_likely(t != NULL) && hv_likely(fill(v->guest->mmu, t, va, access, rights)))
            return SHADOW_FILLED;
    }
    return fault_by_walk(v, va, access);
}
