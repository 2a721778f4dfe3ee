/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the steps on single shadow entries, inline because they
 * are in every fault and every announcement: reverse map, presence, dirty bits. */
#pragma once

#include "mmu.h"

HV_INLINE void cache_drop(struct shadow_mmu *m)
{
    m->writable.va = 1;
    m->link.region = LINK_NONE;
    m->pin_gen++;
}

/* See shadow_check_pin(). */
HV_INLINE void check_pin(struct vcpu *v, const struct shadow_mmu *m,
                         const struct shadow_root *r)
{
    if (hv_likely(r->pin_esp1 == v->esp1 && r->pin_pages == v->stack_pages &&
                  r->pin_gen == m->pin_gen))
        v->attention &= ~(uint32_t)VCPU_ATTN_PIN;
    else
        v->attention |= VCPU_ATTN_PIN;
}

/* ---- reverse map ---- */

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

HV_INLINE void rmap_add(struct gpage *p, uint32_t id)
{
    uint32_t r = p->rmap;

    if (hv_likely((uint8_t)r != RMAP_MANY))
        p->rmap = (r ^ (id << 8)) + 1;
}

HV_INLINE void rmap_del(struct gpage *p, uint32_t id)
{
    uint32_t r = p->rmap;

    if (hv_likely((uint8_t)r != RMAP_MANY))
        p->rmap = (r ^ (id << 8)) - 1;
}

HV_INLINE struct shadow_table *table_by_id(const struct shadow_mmu *m,
                                           uint32_t id)
{
    return &m->chunks[id / CHUNK_TABLES][id % CHUNK_TABLES];
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

/* From now on a write will show: before the page is read as a table. */
void gpage_track(struct shadow_mmu *m, struct gpage *p);

/* ---- tables ---- */

HV_INLINE bool entry_present(const struct shadow_table *t, uint32_t i)
{
    return (t->present[i / 32] >> (i % 32)) & 1;
}

HV_INLINE void mark_present(struct shadow_table *t, uint32_t i)
{
    t->present[i / 32] |= 1u << (i % 32);
    t->nr_present++;
}

/* The same for a directory, whose present words are gone through often. */
HV_INLINE void mark_dir_present(struct shadow_table *t, uint32_t i)
{
    mark_present(t, i);
    t->words = (uint16_t)(t->words | 1u << (i / 32));
}

HV_INLINE void mark_absent(struct shadow_table *t, uint32_t i)
{
    t->present[i / 32] &= ~(1u << (i % 32));
    t->nr_present--;
}

HV_INLINE void mark_dir_absent(struct shadow_table *t, uint32_t i)
{
    mark_absent(t, i);
    if (!t->present[i / 32])
        t->words = (uint16_t)(t->words & ~(1u << (i / 32)));
}

/* Takes the D bit of an entry that is about to lose it or its right to write
 * along, if its page is a page table of the guest. */
HV_INLINE void harvest_dirty(struct gpage *p, uint64_t ent)
{
    if (hv_unlikely((p->frame & GPAGE_PT) &&
                    ((uint32_t)ent & (PT_RW | PT_D)) == (PT_RW | PT_D)))
        p->frame |= GPAGE_DIRTY;
}

/* Writes an entry; as two words, which is what the compiler does best. Nobody
 * walks this table now: the guest is not running. */
HV_INLINE void leaf_write(uint64_t *slot, uint32_t frame, uint32_t flags)
{
    uint32_t *w = (uint32_t *)slot;

    w[0] = (frame << HV_PAGE_SHIFT) | flags;
    w[1] = (frame >> (32 - HV_PAGE_SHIFT)) & 0xfu;
}

/* A mapping of page p goes or changes: perhaps the remembered one. */
HV_INLINE void writable_lost(struct shadow_mmu *m, const struct gpage *p)
{
    if ((p->frame & GPAGE_FRAME) == m->writable.frame)
        m->writable.va = 1;
}

/* Installs a leaf for guest page p; the slot is empty. */
HV_INLINE void leaf_install(struct shadow_table *t, uint32_t i, struct gpage *p,
                            uint32_t flags)
{
    leaf_write(&t->ents[i], p->frame & GPAGE_FRAME, flags);
    rmap_add(p, map_id(t, i));
    mark_present(t, i);
}

HV_INLINE void leaf_zap(struct shadow_mmu *m, struct shadow_table *t, uint32_t i)
{
    uint64_t ent = t->ents[i];
    struct gpage *p = &m->guest->pages[owner_of(ent)];

    harvest_dirty(p, ent);
    rmap_del(p, map_id(t, i));
    t->ents[i] = 0;
    mark_absent(t, i);
    writable_lost(m, p);
    m->pin_gen += t->pinned;
}

/* The shadow leaf flags that a guest entry allows; 0 if it must stay empty: not
 * present or A clear.  Writable only when dirty, and if the frame is ours. */
HV_INLINE uint32_t leaf_flags(uint32_t gpte, const struct gpage *p)
{
    uint32_t f = PT_P | PT_A | (gpte & PT_US);

    if ((gpte & (PT_P | PT_A)) != (PT_P | PT_A))
        return 0;
    if ((gpte & (PT_RW | PT_D)) == (PT_RW | PT_D) && (p->frame & GPAGE_OURS))
        f |= PT_RW;
    return f;
}
