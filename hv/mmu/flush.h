/* SPDX-License-Identifier: MIT */
/* NEW_PGTABLE and the flushes: what was written is compared. For one geometry. */
#pragma once

#include "geometry.h"

#include TOP_LEVEL

/* T:170 A root that is there is looked up, not flushed: its tables are up to date unless the
 * top-level page itself was written. */
static void new_pgtable(struct vcpu *v, uint32_t gcr3)
{
    struct shadow_root *r = root_find(v->guest->mmu, gcr3);

    if (hv_likely(r != NULL))
        reload(v->guest->mmu, r);
    else if (!cr3_kills(v->guest, gcr3, CR3_RESERVED))
        r = root_make(v, gcr3);
    if (hv_likely(r != NULL))
        use_root(v, r);
}

/* One more; false: they are too many, or this one is mapped more than once. */
static bool list_page(struct shadow_mmu *m, struct shadow_table *t, uint32_t *n)
{
    static const uint64_t not_mapped;
    struct user_page *list = m->remembered.user_page;
    struct gpage *p = table_page(m, t);

    if ((t->key & KEY_LINEAR) || (*n > 0 && list[*n - 1].page == p))
        return true;
    if (*n == USER_PAGES || gpage_mappings(p) > 1)
        return false;
    list[(*n)++] = (struct user_page){t, p, gpage_all_mappings(p),
                                      gpage_mappings(p) ? only_leaf(m, p) : &not_mapped};
    return true;
}

/* Lists what the first entries of a root link, so that the next flush looks there only. */
static void list_user_pages(struct shadow_mmu *m, const struct shadow_root *r, uint32_t end)
{
    uint32_t n = 0;

    for (uint32_t top = 0; top * ENTRIES < end; top++) {
        struct shadow_table *pd = r->pd[top];

        if (!pd)
            continue;
        if (!list_page(m, pd, &n))
            return;
        for (uint32_t i = next_present(pd, 0); i < ENTRIES && top * ENTRIES + i < end;
             i = next_present(pd, i + 1)) {
            if (!list_page(m, table_of(pd->ents[i]), &n))
                return;
        }
    }
    m->remembered.nr_user_pages = n;
}

/* What page_is_written() says, while the page is mapped as it was. */
HV_INLINE bool listed_is_written(const struct shadow_mmu *m, const struct user_page *u)
{
    if (hv_unlikely(gpage_all_mappings(u->page) != u->mappings))
        return page_is_written(m, u->page);
    return gpage_was_written(u->page) || (*u->leaf & PT_D);
}

/* By the list; false: there is none, or not any more. */
static bool flush_listed(struct shadow_mmu *m)
{
    uint32_t n = m->remembered.nr_user_pages;

    for (uint32_t i = 0; i < n; i++) {
        const struct user_page *u = &m->remembered.user_page[i];

        if (hv_likely(!listed_is_written(m, u)))
            continue;
        compare_table(m, u->table, 0);
        if (m->remembered.nr_user_pages != n)
            return false;
    }
    return n != 0;
}

static void flush_user(struct vcpu *v)
{
    struct shadow_mmu *m = v->guest->mmu;
    struct shadow_root *r = v->root;
    uint32_t end = v->guest->kernel_address >> 21;

    reload(m, r);
    if (hv_likely(flush_listed(m)))
        return;
    for (uint32_t top = 0; top * ENTRIES < end; top++) {
        if (r->pd[top])
            compare_dir(m, r, top, hv_min_u32(end - top * ENTRIES, ENTRIES));
    }
    list_user_pages(m, r, end);
}

/* What a flush of everything does with a table that is awake. */
static void flush_table(struct shadow_mmu *m, struct shadow_table *t)
{
    if (page_is_written(m, table_page(m, t))) {
        t->clean_flushes = 0;
        compare_table(m, t, LEAF_AGE_ONE);
    } else if (hv_unlikely(++t->clean_flushes == m->rest_after)) {
        rest_begin(m, t->key & KEY_GFN);
    }
}

/* Comparing a page may end tables, which leave the list when it is gone through. */
static void flush_awake(struct shadow_mmu *m)
{
    struct shadow_table **at = &m->awake, *t;

    while ((t = *at) != NULL) {
        if (hv_likely(t->awake)) {
            flush_table(m, t);
            at = &t->awake_next;
        } else {
            *at = t->awake_next;
            t->listed = false;
        }
        (void)mmu_work(m, WORK_LINK);
    }
}

/* A kernel that maps a page for a while writes an entry where it has cleared one, and
 * all it says is FLUSH_TLB(1): the leaf is put in before it faults. */
static void fill_mapped(struct shadow_mmu *m)
{
    struct shadow_table *t = m->remembered.table;
    uint32_t i = m->remembered.cleared;

    if (i < ENTRIES && entry_present(t, i))
        i--; /* it is mapped: a second one goes below */
    if (i < ENTRIES && !entry_present(t, i)) {
        uint32_t gpte = entry_read(table_entry(m->guest, t, i));

        if (gpte_is_used(m, gpte))
            leaf_add(t, i, &m->pages[gpte >> HV_PAGE_SHIFT], gpte);
    }
}

static void flush_all(struct vcpu *v)
{
    struct shadow_mmu *m = v->guest->mmu;

    reload(m, v->root); /* the others when they are loaded */
    flush_awake(m);
    if (m->remembered.region != NO_REGION)
        fill_mapped(m);
}
