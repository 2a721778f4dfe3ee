/* SPDX-License-Identifier: MIT */
/* The monitor's own accesses at guest-linear addresses, through the shadow and so
 * by the rules of a fault there; and the guest's kernel stack, which must stay mapped. */
#include "format.h"
#include "leaf.h"
#include "remember.h"

#include "hv/gmem.h"

/* The leaf of va if the CPU could use it for this access at ring 1, or NULL. */
HV_INLINE uint64_t *usable_leaf(const struct vcpu *v, uint32_t va, uint32_t need)
{
    uint32_t rights;
    struct shadow_table *t = root_table(v->root, va, &rights);
    uint64_t *leaf;

    if (!t || (rights & need) != need)
        return NULL;
    leaf = &t->ents[va_l1(va)];
    return ((uint32_t)*leaf & (PT_P | need)) == (PT_P | need) ? leaf : NULL;
}

static HV_NOINLINE uint64_t *filled_leaf(struct vcpu *v, uint32_t va, uint32_t need)
{
    if (shadow_fault(v, GVA(va), need) != SHADOW_FILLED || guest_is_dead(v->guest))
        return NULL;
    return usable_leaf(v, va, need);
}

HV_INLINE uint64_t *get_leaf(struct vcpu *v, uint32_t va, uint32_t need)
{
    uint64_t *leaf;

    if (hv_unlikely(va >= LAYOUT_GUEST_TOP))
        return NULL;
    leaf = usable_leaf(v, va, need);
    return hv_likely(leaf != NULL) ? leaf : filled_leaf(v, va, need);
}

HV_INLINE uint8_t *leaf_bytes(uint64_t ent, gva_t at)
{
    return (uint8_t *)frame_ptr(HFN(ent >> HV_PAGE_SHIFT)) + gva_offset(at);
}

void *gva_find_writable(struct vcpu *v, gva_t dst)
{
    uint64_t *leaf = get_leaf(v, dst.v, PT_RW);

    if (!leaf)
        return NULL;
    v->shadow.written_va = gva_page(dst);
    v->shadow.written_leaf = leaf;
    return gva_write_ptr(v, dst);
}

bool gva_read(struct vcpu *v, void *dst, gva_t src, uint32_t len)
{
    uint8_t *to = dst;

    while (len) {
        const uint64_t *leaf = get_leaf(v, src.v, 0);
        uint32_t n = hv_min_u32(len, HV_PAGE_SIZE - gva_offset(src));

        if (!leaf || !gmem_copy(v->guest, to, leaf_bytes(*leaf, src), n))
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

        if (!to || !gmem_copy(v->guest, to, from, n))
            return false;
        from += n;
        len -= n;
        dst = gva_add(dst, n);
    }
    return true;
}

const uint8_t *gva_code_ptr(struct vcpu *v, gva_t at)
{
    const uint64_t *leaf;

    if (gva_offset(at) == HV_PAGE_MASK || at.v >= LAYOUT_GUEST_TOP)
        return NULL;
    leaf = usable_leaf(v, at.v, 0);
    return leaf ? leaf_bytes(*leaf, at) : NULL;
}

bool gva_patch(struct vcpu *v, gva_t dst, const void *src, uint32_t len)
{
    const uint8_t *from = src;
    uint8_t check[16];

    /* Both pages must be there before the first byte is changed. */
    if (len > sizeof(check) || !gva_read(v, check, dst, len))
        return false;
    for (uint32_t i = 0; i < len; i++) {
        gva_t at = gva_add(dst, i);
        const uint64_t *leaf = get_leaf(v, at.v, 0);

        if (!leaf || !gpage_is_exclusive(leaf_page(v->guest->mmu, *leaf)))
            return false;
        shadow_note_write(v->guest, GFN(frame_owner[*leaf >> HV_PAGE_SHIFT]));
        *leaf_bytes(*leaf, at) = from[i];
    }
    return true;
}

static bool peek_byte(const struct vcpu *v, uint32_t va, uint8_t *byte)
{
    const struct guest *g = v->guest;
    const uint8_t *page;
    uint32_t gpte;

    if (!g->mmu->format->look(g, v->root->gcr3, va, &gpte) || !(gpte & PT_P))
        return false;
    page = page_bytes(g, gpte >> HV_PAGE_SHIFT);
    *byte = page ? page[va & HV_PAGE_MASK] : 0;
    return gpte <= g->mmu->gpte_last;
}

bool gva_peek(struct vcpu *v, void *dst, gva_t src, uint32_t len)
{
    uint8_t *to = dst;

    for (uint32_t i = 0; i < len; i++) {
        if (!peek_byte(v, src.v + i, &to[i]))
            return false;
    }
    return true;
}

/* ---- the kernel stack ---- */

static bool pin_pages(struct vcpu *v)
{
    for (uint32_t i = 0, va = v->esp1 - 1; i < v->stack_pages; i++, va -= HV_PAGE_SIZE) {
        uint32_t rights;

        if (!get_leaf(v, va, PT_RW)) {
            guest_kill(v->guest, "bad stack page %#x", va);
            return false;
        }
        root_table(v->root, va, &rights)->pinned = true;
    }
    return true;
}

/* What the second page needs may take the first one along: a directory that the
 * guest has replaced, or everything for lack of room. Then once more. */
#define PIN_TRIES 4u

bool shadow_pin_stack(struct vcpu *v)
{
    const struct remembered *r = &v->guest->mmu->remembered;
    uint32_t gen, n = 0;

    do {
        gen = r->pin_gen;
        if (!pin_pages(v))
            return false;
    } while (hv_unlikely(r->pin_gen != gen) && ++n < PIN_TRIES);
    v->todo &= ~VCPU_TODO_PIN;
    v->root->pin_esp1 = v->esp1;
    v->root->pin_pages = v->stack_pages;
    v->root->pin_gen = gen; /* an old one if it never came to rest */
    return true;
}
