/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: shadow tables, found by what they stand for, and the entries of
 * directories, which link them. */
#pragma once

#include "mmu.h"

HV_INLINE struct shadow_table *table_by_id(const struct shadow_mmu *m, uint32_t id)
{
    return &m->chunks[id / CHUNK_TABLES]->table[id % CHUNK_TABLES];
}

/* The table that a directory entry links. */
HV_INLINE struct shadow_table *table_of(uint64_t ent)
{
    return (struct shadow_table *)frame_owner[(uint32_t)ent >> HV_PAGE_SHIFT];
}

/* The guest page that a table stands for. */
HV_INLINE struct gpage *table_page(const struct shadow_mmu *m, const struct shadow_table *t)
{
    return &m->pages[t->key & KEY_GFN];
}

HV_INLINE bool entry_present(const struct shadow_table *t, uint32_t i)
{
    return (t->present[i / 32] >> (i % 32)) & 1;
}

HV_INLINE void mark_present(struct shadow_table *t, uint32_t i)
{
    uint32_t *word = &t->present[i / 32];

    if (hv_unlikely(!*word))
        t->groups |= 1u << (i / 32);
    *word |= 1u << (i % 32);
}

HV_INLINE void mark_absent(struct shadow_table *t, uint32_t i)
{
    t->present[i / 32] &= ~(1u << (i % 32));
    if (!t->present[i / 32])
        t->groups &= ~(1u << (i / 32));
}

/* The first present entry from i on, or ENTRIES. */
HV_INLINE uint32_t next_present(const struct shadow_table *t, uint32_t i)
{
    uint32_t n = i / 32, left;

    if (hv_unlikely(i >= ENTRIES))
        return ENTRIES;
    left = t->present[n] >> (i % 32);
    if (left)
        return i + (uint32_t)__builtin_ctz(left);
    left = t->groups & ~1u << n;
    if (!left)
        return ENTRIES;
    n = (uint32_t)__builtin_ctz(left);
    return n * 32 + (uint32_t)__builtin_ctz(t->present[n]);
}

/* The table that a root has for an address of the guest's, or NULL. *rights: RW and US of
 * the directory entry that links it. */
HV_INLINE struct shadow_table *root_table(const struct shadow_root *r, uint32_t va,
                                          uint32_t *rights)
{
    const struct shadow_table *pd = r->pd[va >> 30];

    if (hv_unlikely(!pd))
        return NULL;
    *rights = (uint32_t)pd->ents[va_l2(va)];
    return hv_likely(*rights & PT_P) ? table_of(*rights) : NULL;
}

/* The same for the current root: most often it is the last one again. */
struct shadow_table *current_table_found(struct vcpu *v, uint32_t va);

HV_INLINE struct shadow_table *current_table(struct vcpu *v, uint32_t va)
{
    return hv_likely(va >> 21 == v->shadow.region) ? v->shadow.table
                                                   : current_table_found(v, va);
}

struct shadow_table *table_find(const struct shadow_mmu *m, uint32_t key);

/* Finds or makes the table; NULL when the pool is empty, or holds so many whose keys
 * are alike that looking for one would take long: the caller lets go of everything
 * it holds, calls pool_make_room() and starts again. */
struct shadow_table *table_get(struct shadow_mmu *m, uint32_t key);

/* One link less; the last one frees the table and what it links. */
void table_unlink(struct shadow_mmu *m, struct shadow_table *t);

/* The n-th table, n below PAGE_TABLES, that may stand for a guest page; NULL: that one
 * is not there. */
#define PAGE_TABLES 10u
struct shadow_table *table_of_page(const struct shadow_mmu *m, uint32_t gfn, uint32_t n);

/* The only writers of directory entries. Entry i, which is empty, links t with these
 * rights (RW and US); it links nothing any more. */
void link_set(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i,
              struct shadow_table *t, uint32_t rights);
void link_clear(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i);
/* The entry has other rights from now on. */
void link_change(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i, uint32_t rights);

/* The pages of tables: one is added to the pool, which is filled when a guest is made, and
 * given back. */
bool pool_create(struct shadow_mmu *m) HV_MUST_CHECK;
void pool_destroy(struct shadow_mmu *m);
