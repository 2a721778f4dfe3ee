/* SPDX-License-Identifier: MIT */
/* T:342 The monitor's own accesses at guest-linear addresses, through the shadow and so
 * by the rules of a fault there; and the guest's kernel stack, which must stay mapped. */
#include "guest_walk.h"

#include "hv/gmem.h"

/* The shadow leaf of va if the CPU could use it for this access at ring 1. */
HV_INLINE uint64_t present_leaf(const struct vcpu *v, uint32_t va, uint32_t need)
{
    const struct shadow_table *pd = v->root->pd[va >> 30];
    uint64_t pde, ent;

    if (!pd)
        return 0;
    pde = pd->ents[va_l2(va)];
    if ((pde & (PT_P | need)) != (PT_P | need))
        return 0;
    ent = table_of(pde)->ents[va_l1(va)];
    return (ent & (PT_P | need)) == (PT_P | need) ? ent : 0;
}

static uint64_t filled_leaf(struct vcpu *v, uint32_t va, uint32_t need)
{
    uint64_t ent;

    if (hv_unlikely(va >= LAYOUT_GUEST_TOP))
        return 0;
    ent = present_leaf(v, va, need);
    if (hv_likely(ent != 0))
        return ent;
    if (shadow_fault(v, GVA(va), need) != SHADOW_FILLED || guest_is_dead(v->guest))
        return 0;
    ent = present_leaf(v, va, need);
    if (hv_likely(ent != 0))
        return ent;
    /* The short way makes no table writable that is at rest. */
    if (shadow_fault_walk(v, GVA(va), need) != SHADOW_FILLED || guest_is_dead(v->guest))
        return 0;
    return present_leaf(v, va, need);
}

/* The slow half: finds the leaf and remembers it, unless the page is a table of
 * the guest, whose every write must be noted. */
static HV_NOINLINE void *write_ptr_slow(struct vcpu *v, gva_t dst)
{
    struct shadow_mmu *m = v->guest->mmu;
    uint64_t ent = filled_leaf(v, dst.v, PT_RW);
    struct gpage *p;

    if (!ent)
        return NULL;
    p = &v->guest->pages[owner_of(ent)];
    if (hv_unlikely(p->frame & GPAGE_PT)) {
        p->frame |= GPAGE_DIRTY;
    } else {
        m->writable.va = gva_page(dst);
        m->writable.frame = gpage_frame(p).v;
        m->writable.bytes = frame_ptr_kept(KEPT_WRITABLE, HFN(m->writable.frame));
        p->frame |= GPAGE_REMEMBERED;
    }
    return (uint8_t *)frame_ptr(gpage_frame(p)) + gva_offset(dst);
}

void *gva_write_ptr(struct vcpu *v, gva_t dst)
{
    const struct shadow_mmu *m = v->guest->mmu;

    if (hv_likely(gva_page(dst) == m->writable.va))
        return m->writable.bytes + gva_offset(dst);
    return write_ptr_slow(v, dst);
}

bool gva_read(struct vcpu *v, void *dst, gva_t src, uint32_t len)
{
    uint8_t *to = dst;

    while (len) {
        uint64_t ent = filled_leaf(v, src.v, 0);
        uint32_t n = hv_min_u32(len, HV_PAGE_SIZE - gva_offset(src));

        if (!ent)
            return false;
        if (!gmem_copy(v->guest, to,
                       (const uint8_t *)frame_ptr(HFN(ent >> HV_PAGE_SHIFT)) +
                           gva_offset(src), n))
            return false;
        to += n;
        len -= n;
        src = gva_add(src, n);
    }
    return true;
}

bool gva_write(struct vcpu *v, gva_t dst, const void *src, uint32_t len)
{
    const uint8_t *from = src;

    while (len) {
        uint8_t *to = gva_write_ptr(v, dst);
        uint32_t n = hv_min_u32(len, HV_PAGE_SIZE - gva_offset(dst));

        if (!to)
            return false;
        if (!gmem_copy(v->guest, to, from, n))
            return false;
        from += n;
        len -= n;
        dst = gva_add(dst, n);
    }
    return true;
}

const uint8_t *gva_code_ptr(struct vcpu *v, gva_t at)
{
    uint64_t ent;

    if (gva_offset(at) == HV_PAGE_MASK || at.v >= LAYOUT_GUEST_TOP)
        return NULL;
    ent = present_leaf(v, at.v, 0);
    if (!ent)
        return NULL;
    return (const uint8_t *)frame_ptr(HFN(ent >> HV_PAGE_SHIFT)) + gva_offset(at);
}

bool gva_patch(struct vcpu *v, gva_t dst, const void *src, uint32_t len)
{
    const uint8_t *from = src;
    uint8_t check[16];

    /* Both pages must be there before the first byte is changed. */
    if (len > sizeof(check) || !gva_read(v, check, dst, len))
        return false;
    for (uint32_t i = 0; i < len; i++) {
        uint64_t ent = filled_leaf(v, gva_add(dst, i).v, 0);
        struct gpage *p;

        if (!ent)
            return false;
        p = &v->guest->pages[owner_of(ent)];
        shadow_note_write(v->guest, GFN(owner_of(ent)));
        if (!(p->frame & GPAGE_OURS))
            return false;
        *((uint8_t *)frame_ptr(HFN(ent >> HV_PAGE_SHIFT)) +
          gva_offset(gva_add(dst, i))) = from[i];
    }
    return true;
}

void shadow_vcpu_moves(struct vcpu *v)
{
    cache_forget(v->guest->mmu); /* what it has in kept windows is another's now */
}

void shadow_check_pin(struct vcpu *v)
{
    check_pin(v, v->guest->mmu, v->root);
}

/* The table of va, if its leaf is present and writable in the current root. */
HV_INLINE struct shadow_table *writable_in(const struct vcpu *v, uint32_t va)
{
    const struct shadow_table *pd = v->root->pd[va >> 30];
    uint32_t pde = pd ? (uint32_t)pd->ents[va_l2(va)] : 0;
    struct shadow_table *t;

    if ((pde & (PT_P | PT_RW)) != (PT_P | PT_RW))
        return NULL;
    t = table_of(pde);
    return ((uint32_t)t->ents[va_l1(va)] & PT_RW) ? t : NULL;
}

static bool pin_pages(struct vcpu *v)
{
    struct shadow_mmu *m = v->guest->mmu;
    struct shadow_table *t = NULL;

    for (uint32_t i = 0, va = v->esp1 - 1; i < v->stack_pages; i++, va -= HV_PAGE_SIZE) {
        if (t && va_l1(va) != ENTRIES - 1 && ((uint32_t)t->ents[va_l1(va)] & PT_RW))
            continue; /* the page below is most often in the same table */
        t = va < LAYOUT_GUEST_TOP ? writable_in(v, va) : NULL;
        if (hv_unlikely(!t)) {
            if (!filled_leaf(v, va, PT_RW)) {
                guest_kill(v->guest, "bad stack page %#x", va);
                return false;
            }
            t = writable_in(v, va);
        }
        if (hv_unlikely(!t->pinned)) {
            t->pinned = 1;
            links_forget(v, m); /* which look whether the table is pinned */
        }
    }
    return true;
}

/* What the second page needs may take the first one along: a directory that the
 * guest has replaced, or everything for lack of room. Then once more. */
#define PIN_TRIES 4u

bool shadow_pin_stack(struct vcpu *v)
{
    struct shadow_mmu *m = v->guest->mmu;
    uint32_t gen, n = 0;

    do {
        gen = m->pin_gen;
        if (!pin_pages(v))
            return false;
    } while (hv_unlikely(m->pin_gen != gen) && ++n < PIN_TRIES);
    v->todo &= ~VCPU_TODO_PIN;
    v->root->pin_esp1 = v->esp1;
    v->root->pin_pages = v->stack_pages;
    v->root->pin_gen = gen; /* an old one if it never came to rest */
    return true;
}
