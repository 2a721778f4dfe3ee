/* SPDX-License-Identifier: MIT */
/* Linking what a walk has found into the current root. For one geometry. */
#pragma once

#include "compare.h"
#include "root.h"

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

/* T:130 Links the table of va as the guest's directory said in this walk; NULL: no room, or
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
    if (t != found) {
        link_clear(m, r->pd[va >> 30], va_l2(va));
    } else if (entry_present(t, i)) {
        uint32_t gpte = entry_read(table_entry(m->guest, t, i));

        if (!leaf_is_right(&t->ents[i], gpte))
            leaf_set(m, t, i, gpte);
    }
}
