/* SPDX-License-Identifier: MIT */
/* Keeping shadow tables true: comparing one with the guest's after that was
 * written. For one geometry.
 *
 * A flush need not drop anything.  The CPU sets D in the leaf through which the guest
 * writes a page-table page; every other way to write there (the monitor's own writes,
 * the switcher's alias, more than one mapping) counts as written.  So a page that was
 * not written still says what its tables say, and only the others are compared. */
#pragma once

#include "walk.h"

/* Of a group of leaves, those of the present ones that are not right, or too old, from the
 * first one on. Those before it are older by `age` then. */
static HV_NOINLINE uint32_t skip_right(uint64_t *leaves, const uint32_t *gents,
                                       uint32_t present, uint32_t age)
{
    for (; present; present &= present - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(present), *low = (uint32_t *)&leaves[k];

        if (hv_unlikely(!leaf_is_right(&leaves[k], entry_read(gents + k * ENTRY_DWORDS)) ||
                        leaf_is_old(*low)))
            break;
        *low += age;
    }
    return present;
}

/* One group, of which these leaves are not right, or too old. */
static void put_right(struct shadow_mmu *m, struct shadow_table *t, uint32_t first,
                      uint32_t wrong, uint32_t age)
{
    const uint32_t *gents = table_entry(m->guest, t, first);

    while (wrong) {
        uint32_t k = (uint32_t)__builtin_ctz(wrong);
        bool old = leaf_is_old((uint32_t)t->ents[first + k]);

        leaf_set(m, t, first + k, old ? 0 : entry_read(gents + k * ENTRY_DWORDS));
        if (mmu_work(m, WORK_CHANGE))
            gents = table_entry(m->guest, t, first); /* the window may be gone */
        wrong = skip_right(&t->ents[first], gents, wrong & (wrong - 1), age);
    }
}

/* age: LEAF_AGE_ONE for a flush of everything, else 0. */
static void compare_leaves(struct shadow_mmu *m, struct shadow_table *t, uint32_t age)
{
    for (uint32_t left = t->groups; left; left &= left - 1) {
        uint32_t n = (uint32_t)__builtin_ctz(left), first = n * 32;
        uint32_t wrong = skip_right(&t->ents[first], table_entry(m->guest, t, first),
                                    t->present[n], age);

        if (wrong)
            put_right(m, t, first, wrong, age);
        (void)mmu_work(m, WORK_GROUP);
    }
}

static void compare_links(struct shadow_mmu *m, struct shadow_table *pd)
{
    m->compared_dirs++;
    for (uint32_t i = next_present(pd, 0); i < ENTRIES; i = next_present(pd, i + 1)) {
        /* Afresh each time: interrupts may have been let in, and what they do may
         * need the window. */
        uint32_t gpde = entry_read(dir_entry(m->guest, pd, i));
        uint64_t ent = pd->ents[i];

        if ((gpde & (PT_P | PT_A)) != (PT_P | PT_A) || (gpde & PDE_BAD) ||
            gpde >> HV_PAGE_SHIFT != (table_of(ent)->key & KEY_GFN))
            link_clear(m, pd, i);
        else if ((ent ^ gpde) & (PT_RW | PT_US))
            link_change(m, pd, i, gpde);
        (void)mmu_work(m, WORK_LINK); /* all may link one table */
    }
}

/* T:180 Brings all tables that stand for a guest page up to date with what it holds now.
 * Clearing a link can free tables, also tables of this very page (a directory that maps
 * itself), so they are looked for afresh each time, and the search ends when as many
 * were seen as there are. */
static void compare_page(struct shadow_mmu *m, uint32_t gfn, uint32_t age)
{
    uint32_t left = gpage_tables(&m->pages[gfn]);

    page_watch(m, &m->pages[gfn]); /* first: a write after this shows up again */
    m->compared_pages++;
    for (uint32_t n = 0; n < PAGE_TABLES && left; n++) {
        struct shadow_table *t = table_of_page(m, gfn, n);

        if (!t)
            continue;
        left--;
        if (t->key & KEY_L2)
            compare_links(m, t);
        else
            compare_leaves(m, t, age);
        (void)mmu_work(m, WORK_TABLE); /* between tables */
    }
}

/* The same for the page of a table, which most often is the only one of that page. */
static void compare_table(struct shadow_mmu *m, struct shadow_table *t, uint32_t age)
{
    struct gpage *p = table_page(m, t);

    if (hv_unlikely(gpage_tables(p) != 1 || (t->key & KEY_L2))) {
        compare_page(m, t->key & KEY_GFN, age);
    } else {
        page_watch(m, p);
        m->compared_pages++;
        compare_leaves(m, t, age);
        (void)mmu_work(m, WORK_TABLE);
    }
}

static void compare_if_written(struct shadow_mmu *m, uint32_t key)
{
    uint32_t gfn = key & KEY_GFN;

    if (!(key & KEY_LINEAR) && page_is_written(m, &m->pages[gfn]))
        compare_page(m, gfn, 0);
}

/* A directory of a root, and the tables that its first entries link. */
static void compare_dir(struct shadow_mmu *m, struct shadow_root *r, uint32_t top,
                        uint32_t nr_entries)
{
    struct shadow_table *pd = r->pd[top];
    const struct gpage *last = NULL; /* halves of a guest's table lie side by side */

    compare_if_written(m, pd->key);
    for (uint32_t i = 0; i < ENTRIES; i += 32) {
        for (uint32_t bits = r->pd[top] == pd ? pd->present[i / 32] : 0; bits; bits &= bits - 1) {
            uint32_t k = i + (uint32_t)__builtin_ctz(bits);
            const struct shadow_table *t;

            /* What was compared may have let the link go, or the directory. */
            if (r->pd[top] != pd || k >= nr_entries)
                return;
            if (!entry_present(pd, k))
                continue;
            t = table_of(pd->ents[k]);
            if (table_page(m, t) == last)
                continue;
            last = table_page(m, t);
            compare_if_written(m, t->key);
            (void)mmu_work(m, WORK_LINK);
        }
    }
}

/* Forgets guest directory entry i of every table that stands for this page. */
static void forget_pde(struct shadow_mmu *m, uint32_t pmd, uint32_t index)
{
    for (uint32_t sw = 0; sw <= KEY_SWITCHER; sw += KEY_SWITCHER) {
        for (uint32_t n = 0; n < HALVES; n++) {
            uint32_t k = index * HALVES + n; /* of all quadrants */
            struct shadow_table *t =
                table_find(m, pmd >> HV_PAGE_SHIFT | KEY_L2 | sw | KEY_QUADRANT(k / ENTRIES));

            if (t && entry_present(t, k % ENTRIES))
                link_clear(m, t, k % ENTRIES);
        }
    }
}
