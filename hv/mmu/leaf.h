/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the steps on single shadow entries, inline because they
 * are in every fault and every announcement: reverse map, presence, dirty bits. */
#pragma once

#include "mmu.h"

/* Other tables from now on, but none has changed. */
HV_INLINE void cache_forget(struct shadow_mmu *m)
{
    m->writable.va = 1;
    m->link.region = LINK_NONE;
    m->link.set_pte_region = LINK_NONE;
}

HV_INLINE void cache_drop(struct shadow_mmu *m)
{
    cache_forget(m);
    m->pin_gen++;
}

/* A directory entry or a root's directory came or went. */
HV_INLINE void links_changed(struct shadow_mmu *m)
{
    m->watch.root = NULL;
    m->nothing.region = LINK_NONE;
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
    if ((p->frame & GPAGE_FRAME) == m->writable.frame)
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

/* ---- tables ---- */

HV_INLINE bool entry_present(const struct shadow_table *t, uint32_t i)
{
    return (t->present[i / 32] >> (i % 32)) & 1;
}

HV_INLINE void mark_present(struct shadow_table *t, uint32_t i)
{
    uint32_t *word = &t->present[i / 32];

    if (hv_unlikely(!*word))
        t->words |= 1u << (i / 32);
    *word |= 1u << (i % 32);
    t->nr_present++;
}

HV_INLINE void mark_absent(struct shadow_table *t, uint32_t i)
{
    t->present[i / 32] &= ~(1u << (i % 32));
    t->nr_present--;
}

/* The rare half of leaf_gone(). */
void leaf_gone_slow(struct shadow_mmu *m, struct gpage *p, uint32_t ent_lo);

/* A mapping of p goes or loses the right to write: its D bit is taken along if p
 * is a page table of the guest, and it may be the remembered writable page. */
HV_INLINE void leaf_gone(struct shadow_mmu *m, struct gpage *p, uint32_t ent_lo)
{
    if (hv_unlikely(p->frame & (GPAGE_PT | GPAGE_REMEMBERED)))
        leaf_gone_slow(m, p, ent_lo);
}

/* Writes an entry; as two words, which is what the compiler does best. Nobody
 * walks this table now: the guest is not running. */
HV_INLINE void leaf_write(uint64_t *slot, uint32_t frame, uint32_t flags)
{
    uint32_t *w = (uint32_t *)slot;

    w[0] = (frame << HV_PAGE_SHIFT) | flags;
    w[1] = (frame >> (32 - HV_PAGE_SHIFT)) & 0xfu;
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

    leaf_gone(m, p, (uint32_t)ent);
    rmap_del(p, map_id(t, i));
    t->ents[i] = 0;
    mark_absent(t, i);
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
