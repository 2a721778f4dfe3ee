/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: who maps a guest page, and whether it was written. */
#pragma once

#include "mmu.h"

/* Guest page of a frame that a guest owns; the table of a shadow frame. */
extern uintptr_t *frame_owner;

HV_INLINE uint32_t owner_of(uint64_t ent)
{
    return (uint32_t)frame_owner[(uint32_t)(ent >> HV_PAGE_SHIFT)];
}

HV_INLINE uint32_t map_id(const struct shadow_table *t, uint32_t i)
{
    return ((uint32_t)t->id << 9) | i;
}

/* What one mapping is in struct gpage.rmap: its id and a count of one. The next
 * entry of the same table is RMAP_NEXT more. */
#define RMAP_NEXT 0x100u

HV_INLINE uint32_t rmap_one(const struct shadow_table *t, uint32_t i)
{
    return map_id(t, i) << 8 | 1;
}

HV_INLINE void rmap_add(struct gpage *p, uint32_t one)
{
    if (hv_likely((uint8_t)p->rmap != RMAP_MANY))
        p->rmap += one;
}

HV_INLINE void rmap_del(struct gpage *p, uint32_t one)
{
    if (hv_likely((uint8_t)p->rmap != RMAP_MANY))
        p->rmap -= one;
}

HV_INLINE struct shadow_table *table_by_id(const struct shadow_mmu *m,
                                           uint32_t id)
{
    return &m->chunks[id / CHUNK_TABLES]->table[id % CHUNK_TABLES];
}

/* A flush of everything has to look at the table's page. */
HV_INLINE void set_loose(struct shadow_mmu *m, uint32_t id, bool loose)
{
    uint32_t bit = 1u << (id % CHUNK_TABLES), *word = &m->chunks[id / CHUNK_TABLES]->loose;

    *word = loose ? *word | bit : *word & ~bit;
}

/* The table that a shadow directory entry links. */
HV_INLINE struct shadow_table *table_of(uint64_t ent)
{
    return (struct shadow_table *)frame_owner[(uint32_t)ent >> HV_PAGE_SHIFT];
}

/* The leaf that is the only mapping of a page. */
HV_INLINE uint64_t *only_mapping(const struct shadow_mmu *m, const struct gpage *p)
{
    uint32_t id = p->rmap >> 8;

    return &table_by_id(m, id >> 9)->ents[id & (ENTRIES - 1)];
}

/* True if the page may have been written since its shadows were compared. */
HV_INLINE bool gpage_is_dirty(const struct shadow_mmu *m, const struct gpage *p)
{
    uint32_t count = p->rmap & RMAP_COUNT;

    if (p->frame & (GPAGE_DIRTY | GPAGE_ALIASED))
        return true;
    if (hv_likely(count == 1))
        return ((uint32_t)*only_mapping(m, p) & (PT_RW | PT_D)) == (PT_RW | PT_D);
    return count != 0; /* with more than one it is not worth telling which */
}

/* In place of a mapping, for a page that has none or several, and for the root
 * of nobody, whose number a guest can give as well. */
extern const uint64_t never_dirty, always_dirty;

/* The entry whose D bit tells of writes to p as long as p->rmap is what it is. */
const uint64_t *dirty_witness(const struct shadow_mmu *m, const struct gpage *p);

/* True if the page was surely not written since it was compared: the quick form
 * of gpage_is_dirty(), with the witness at hand. */
HV_INLINE bool witness_is_clean(const struct gpage *p, const uint64_t *ent, uint32_t rmap)
{
    return p->rmap == rmap && !(p->frame & (GPAGE_DIRTY | GPAGE_ALIASED)) &&
           !((uint32_t)*ent & PT_D);
}

/* The remembered writable page is forgotten if it is this one. */
HV_INLINE void writable_forget(struct shadow_mmu *m, struct gpage *p)
{
    if (gpage_frame(p).v == m->writable.frame)
        m->writable.va = 1;
    p->frame &= ~GPAGE_REMEMBERED;
}

/* From now on a write will show: before the page is read as a table. With more
 * than one mapping the page counts as always dirty; when all but one are gone, the
 * one that stays may have D set from long ago: that only costs a comparison. */
HV_INLINE void gpage_track(struct shadow_mmu *m, struct gpage *p)
{
    if (hv_unlikely(p->frame & GPAGE_REMEMBERED))
        writable_forget(m, p);
    p->frame &= ~GPAGE_DIRTY;
    if ((p->rmap & RMAP_COUNT) == 1)
        *only_mapping(m, p) &= ~(uint64_t)PT_D;
}
