/* SPDX-License-Identifier: MIT */
/* T:330 Keeping shadow tables true: comparing one with the guest's after that was
 * written, and the flushes. For one geometry.
 *
 * A flush need not drop anything.  The CPU sets D in the leaf through which the guest
 * writes a page-table page; every other way to write there (the monitor's own writes,
 * the switcher's alias, more than one mapping) counts as written.  So a page that was
 * not written still says what its tables say, and only the others are compared. */
#pragma once

#include "walk.h"

static void compare_leaves(struct shadow_mmu *m, struct shadow_table *t)
{
    const uint32_t *gents = table_entry(m->guest, t, 0);

    for (uint32_t i = next_present(t, 0); i < ENTRIES; i = next_present(t, i + 1)) {
        uint32_t gpte = entry_read(gents + i * ENTRY_DWORDS);
        int32_t work = WORK_LEAF;

        if (hv_unlikely(!leaf_is_right(m, t->ents[i], gpte))) {
            leaf_set(m, t, i, gpte);
            work = WORK_CHANGE;
        }
        if (mmu_work(m, work))
            gents = table_entry(m->guest, t, 0); /* the window may be gone */
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

/* Brings all tables that stand for a guest page up to date with what it holds now.
 * Clearing a link can free tables, also tables of this very page (a directory that maps
 * itself), so they are looked for afresh each time, and the search ends when as many
 * were seen as there are. */
static void compare_page(struct shadow_mmu *m, uint32_t gfn)
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
            compare_leaves(m, t);
        (void)mmu_work(m, WORK_TABLE); /* between tables */
    }
}

static void compare_if_written(struct shadow_mmu *m, uint32_t key)
{
    uint32_t gfn = key & KEY_GFN;

    if (!(key & KEY_LINEAR) && page_is_written(m, &m->pages[gfn]))
        compare_page(m, gfn);
}

/* A directory of a root, and the tables that its first entries link. */
static void compare_dir(struct shadow_mmu *m, struct shadow_root *r, uint32_t top,
                        uint32_t nr_entries)
{
    struct shadow_table *pd = r->pd[top];

    compare_if_written(m, pd->key);
    /* What is compared may let the directory go. */
    for (uint32_t i = 0; r->pd[top] == pd; i++) {
        i = next_present(pd, i);
        if (i >= nr_entries)
            return;
        compare_if_written(m, table_of(pd->ents[i])->key);
        (void)mmu_work(m, WORK_LINK);
    }
}

/* ---- flushes ---- */

static void flush_user(struct vcpu *v)
{
    struct shadow_mmu *m = v->guest->mmu;
    struct shadow_root *r = v->root;
    uint32_t end = v->guest->kernel_address >> 21;

    m->format->reload(m, r);
    for (uint32_t top = 0; top * ENTRIES < end; top++) {
        if (r->pd[top])
            compare_dir(m, r, top, hv_min_u32(end - top * ENTRIES, ENTRIES));
    }
}

/* Comparing a page may end tables, which are then awake no longer. */
static void flush_chunk(struct shadow_mmu *m, const struct table_chunk *c)
{
    uint32_t left = c->awake;

    while ((left &= c->awake) != 0) {
        uint32_t i = (uint32_t)__builtin_ctz(left), gfn = c->table[i].key & KEY_GFN;
        struct shadow_table *t = table_by_id(m, c->table[i].id);

        left &= left - 1;
        if (page_is_written(m, &m->pages[gfn])) {
            t->clean_flushes = 0;
            compare_page(m, gfn);
        } else if (++t->clean_flushes == m->rest_after) {
            rest_begin(m, gfn);
        }
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
    if (i < ENTRIES && !entry_present(t, i))
        leaf_set(m, t, i, entry_read(table_entry(m->guest, t, i)));
}

static void flush_all(struct vcpu *v)
{
    struct shadow_mmu *m = v->guest->mmu;

    m->format->reload(m, v->root); /* the others when they are loaded */
    for (uint32_t c = 0; c < m->nr_chunks; c++) {
        flush_chunk(m, m->chunks[c]);
        (void)mmu_work(m, WORK_TABLE); /* all may have come to rest at once */
    }
    if (m->remembered.region != NO_REGION)
        fill_mapped(m);
}
