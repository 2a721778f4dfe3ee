/* SPDX-License-Identifier: MIT */
/* Shadow tables: the pool, the tables by key, and links to them. A free table is
 * always all zero, so taking one costs nothing and giving one back costs what is in it. */
#include "table.h"

#include "format.h"
#include "leaf.h"

#include "hv/arch_if.h"

/* So many pages a guest can always count on: one access never needs more, so
 * recycling works however little memory the machine has left. */
#define POOL_PREFILL 16u

static uint32_t chain_of(uint32_t key)
{
    return (key ^ (key >> 8) ^ (key >> 15)) & (HASH_BUCKETS - 1);
}

/* The table with this key, or NULL; *others: how many of its chain come before. */
static struct shadow_table *chain_find(const struct shadow_mmu *m, uint32_t key,
                                       uint32_t *others)
{
    uint32_t id = m->chains[chain_of(key)];

    for (*others = 0; id; (*others)++) {
        struct shadow_table *t = table_by_id(m, id);

        if (t->key == key)
            return t;
        id = t->chain_next;
    }
    return NULL;
}

struct shadow_table *table_find(const struct shadow_mmu *m, uint32_t key)
{
    uint32_t others;

    return chain_find(m, key, &others);
}

struct shadow_table *current_table_found(struct vcpu *v, uint32_t va)
{
    struct vcpu_shadow *s = &v->shadow;

    s->table = root_table(v->root, va, &s->rights);
    s->region = s->table ? va >> 21 : NO_REGION;
    return s->table;
}

struct shadow_table *table_of_page(const struct shadow_mmu *m, uint32_t gfn, uint32_t n)
{
    /* 2 quadrants as table, 4 as directory, 4 with the switcher. */
    uint32_t q = n < 2 ? n : (n - 2) & 3;
    uint32_t level = n < 2 ? 0 : n < 6 ? KEY_L2 : KEY_L2 | KEY_SWITCHER;

    return table_find(m, gfn | level | KEY_QUADRANT(q));
}

static void chain_remove(struct shadow_mmu *m, struct shadow_table *t)
{
    uint16_t *at = &m->chains[chain_of(t->key)];

    while (*at != t->id)
        at = &table_by_id(m, *at)->chain_next;
    *at = t->chain_next;
}

/* ---- the pool ---- */

static bool add_chunk(struct shadow_mmu *m)
{
    struct table_chunk *c;

    if (m->nr_chunks == MAX_CHUNKS)
        return false;
    c = pmm_alloc_page();
    if (!c)
        return false;
    for (uint32_t i = 0; i < CHUNK_TABLES; i++)
        c->table[i].id = (uint16_t)(m->nr_chunks * CHUNK_TABLES + i);
    m->chunks[m->nr_chunks++] = c;
    return true;
}

static bool add_table(struct shadow_mmu *m)
{
    uint32_t id = m->nr_pages + 1; /* 0 is never used */
    struct shadow_table *t;

    if (id >= m->nr_chunks * CHUNK_TABLES && !add_chunk(m))
        return false;
    t = table_by_id(m, id);
    t->ents = pmm_alloc_page();
    if (!t->ents)
        return false;
    t->first_mapping = GPAGE_MAPPING(id * ENTRIES);
    frame_owner[(uintptr_t)t->ents >> HV_PAGE_SHIFT] = (uintptr_t)t;
    t->chain_next = m->free_ids;
    m->free_ids = t->id;
    m->nr_pages++;
    return true;
}

/* A free table with its page, all zero. */
static struct shadow_table *pool_take(struct shadow_mmu *m)
{
    struct shadow_table *t;

    if (m->nr_tables >= m->nr_tables_max || (!m->free_ids && !add_table(m)))
        return NULL;
    t = table_by_id(m, m->free_ids);
    m->free_ids = t->chain_next;
    m->nr_tables++;
    return t;
}

static void pool_give(struct shadow_mmu *m, struct shadow_table *t)
{
    t->key = 0;
    t->chain_next = m->free_ids;
    m->free_ids = t->id;
    m->nr_tables--;
}

bool pool_create(struct shadow_mmu *m)
{
    /* Enough for its RAM mapped once plus room for user tables. */
    m->nr_tables_max = 192 + m->guest->ram_pages / 64;
    for (uint32_t i = 0; i < POOL_PREFILL; i++) {
        if (!add_table(m))
            return false;
    }
    return true;
}

void pool_destroy(struct shadow_mmu *m)
{
    for (uint32_t id = 1; id <= m->nr_pages; id++) {
        pmm_free_page(table_by_id(m, id)->ents);
        (void)mmu_work(m, WORK_CHANGE);
    }
    for (uint32_t i = 0; i < m->nr_chunks; i++)
        pmm_free_page(m->chunks[i]);
}

/* ---- tables ---- */

struct shadow_table *table_get(struct shadow_mmu *m, uint32_t key)
{
    uint32_t others;
    struct shadow_table *t = chain_find(m, key, &others);

    if (t)
        return t;
    t = others < CHAIN_MAX ? pool_take(m) : NULL;
    if (!t)
        return NULL;
    hv_assert(t->links == 0 && next_present(t, 0) == ENTRIES);
    t->key = key;
    t->chain_next = m->chains[chain_of(key)];
    m->chains[chain_of(key)] = t->id;
    if (!(key & KEY_LINEAR)) {
        struct gpage *p = table_page(m, t);

        hv_assert(!gpage_is_untouched(p));
        /* Watched already if another table stands for the page: then what was
         * written since must stay visible for that one. */
        if (!gpage_is_table(p))
            page_watch(m, p);
        gpage_add_table(p);
        t->gents = m->format->first_entry(m->guest, t);
        table_wake(m, t, true);
        rest_end(m, key & KEY_GFN);
    }
    if (key & KEY_SWITCHER)
        t->ents[SWITCHER_ENTRY] = arch_switcher_pt().v | PT_P | PT_RW | PT_A;
    return t;
}

static void table_free(struct shadow_mmu *m, struct shadow_table *t)
{
    for (uint32_t i = next_present(t, 0); i < ENTRIES; i = next_present(t, i + 1)) {
        if (t->key & KEY_L2)
            link_clear(m, t, i);
        else
            leaf_set(m, t, i, 0);
        (void)mmu_work(m, WORK_LINK);
    }
    t->ents[SWITCHER_ENTRY] = 0;
    t->pinned = false;
    t->gents = NULL;
    chain_remove(m, t);
    if (!(t->key & KEY_LINEAR)) {
        struct gpage *p = table_page(m, t);

        gpage_drop_table(p);
        if (!gpage_is_table(p))
            gpage_set_may_write(p, true);
        table_wake(m, t, false);
    }
    pool_give(m, t);
    (void)mmu_work(m, WORK_TABLE); /* everything is consistent between tables */
}

void table_unlink(struct shadow_mmu *m, struct shadow_table *t)
{
    hv_assert(t->links > 0);
    if (--t->links == 0)
        table_free(m, t);
}

/* ---- links ---- */

void link_set(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i,
              struct shadow_table *t, uint32_t rights)
{
    hv_assert(!(pd->ents[i] & PT_P) && (pd->key & KEY_L2) && !(t->key & KEY_L2));
    t->links++;
    pd->ents[i] = (uint64_t)(uintptr_t)t->ents | PT_P | PT_A | (rights & (PT_RW | PT_US));
    mark_present(pd, i);
    forget(m, LINK_ADDED);
}

void link_clear(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i)
{
    struct shadow_table *t = table_of(pd->ents[i]);

    hv_assert(entry_present(pd, i));
    pd->ents[i] = 0;
    mark_absent(pd, i);
    forget(m, LINK_GONE);
    table_unlink(m, t);
}

void link_change(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i, uint32_t rights)
{
    pd->ents[i] = (pd->ents[i] & ~(uint64_t)(PT_RW | PT_US)) | (rights & (PT_RW | PT_US));
    forget(m, LINK_GONE);
}
