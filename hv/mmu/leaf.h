/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the steps on single shadow entries, inline because they
 * are in every fault and every announcement: reverse map, presence, dirty bits. */
#pragma once

#include "rmap.h"

/* Other tables from now on, but none has changed. */
HV_INLINE void links_forget(struct vcpu *v, struct shadow_mmu *m)
{
    m->links_live = 0;
    v->link = &m->links[LINKS];
}

HV_INLINE void cache_forget_of(struct vcpu *v, struct shadow_mmu *m)
{
    m->writable.va = 1;
    links_forget(v, m);
}

HV_INLINE void cache_forget(struct shadow_mmu *m)
{
    cache_forget_of(m->guest->vcpu, m);
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
    m->kernel.region = LINK_NONE;
}

/* See shadow_check_pin(). */
HV_INLINE void check_pin(struct vcpu *v, const struct shadow_mmu *m,
                         const struct shadow_root *r)
{
    if (hv_likely(r->pin_esp1 == v->esp1 && r->pin_pages == v->stack_pages &&
                  r->pin_gen == m->pin_gen))
        v->todo &= ~VCPU_TODO_PIN;
    else
        v->todo |= VCPU_TODO_PIN;
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
}

HV_INLINE void mark_absent(struct shadow_table *t, uint32_t i)
{
    t->present[i / 32] &= ~(1u << (i % 32));
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

/* On the short ways, written for six registers: the leaf that a guest entry with P and
 * A asks for, over a slot whose old mapping is gone. Writable only when dirty, and if
 * the frame is ours (as leaf_flags() has it). one: rmap_one() of the slot. false:
 * the page is untouched, and nothing was written. */
HV_INLINE bool leaf_put(uint32_t *slot, struct gpage *p, uint32_t gpte, uint32_t one)
{
    uint32_t frame = p->frame;
    uint32_t flags;

    if (hv_likely((gpte & PT_D) && (frame & GPAGE_OURS))) {
        flags = gpte & (PT_P | PT_RW | PT_US | PT_A);
    } else {
        flags = gpte & (PT_P | PT_US | PT_A);
        if (hv_unlikely(gpage_is_untouched(p)))
            return false;
    }
    slot[0] = (frame << HV_PAGE_SHIFT) | flags;
    slot[1] = (frame >> (32 - HV_PAGE_SHIFT)) & 0xfu;
    rmap_add(p, one);
    return true;
}

/* Installs a leaf for guest page p, which was touched; the slot is empty. */
HV_INLINE void leaf_install(struct shadow_table *t, uint32_t i, struct gpage *p,
                            uint32_t flags)
{
    leaf_write(&t->ents[i], gpage_frame(p).v, flags);
    rmap_add(p, rmap_one(t, i));
    mark_present(t, i);
}

HV_INLINE void leaf_zap(struct shadow_mmu *m, struct shadow_table *t, uint32_t i)
{
    uint64_t ent = t->ents[i];
    struct gpage *p = &m->guest->pages[owner_of(ent)];

    leaf_gone(m, p, (uint32_t)ent);
    rmap_del(p, rmap_one(t, i));
    t->ents[i] = 0;
    mark_absent(t, i);
    m->pin_gen += t->pinned;
}

/* True if the leaf is just what the guest's entry asks for: most are. A leaf maps a
 * page of this guest, so the owner of its frame tells which; it never has PS. */
HV_INLINE bool leaf_is_right(const uint32_t *leaf, uint32_t gpte)
{
    if (((leaf[0] ^ gpte) & (PT_P | PT_RW | PT_US | PT_A | PT_PS)) ||
        (gpte & (PT_RW | PT_D)) == PT_RW)
        return false;
    return owner_of(*(const uint64_t *)(const void *)leaf) == gpte >> HV_PAGE_SHIFT;
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
