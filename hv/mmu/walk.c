/* SPDX-License-Identifier: MIT */
/* T:310 The guest's own page tables, walked as the CPU would walk them (SDM 3A 4.3
 * and 4.4, CR0.WP = 1), with the checks of the ABI, section 7.2.  Each entry is
 * read once; A and D are set with compare-and-exchange. */
#include "guest_walk.h"

enum walk_result walk_bad(struct guest *g, const char *what, uint32_t lo,
                          uint32_t hi)
{
    guest_kill(g, "bad %s %#x%08x", what, hi, lo);
    return WALK_KILLED;
}

enum walk_result walk_pdpte(struct guest *g, uint32_t gcr3, uint32_t va,
                            uint32_t *dir_gfn)
{
    const uint8_t *page = gpage_known(g, gcr3 >> HV_PAGE_SHIFT);
    const volatile uint32_t *e =
        (const volatile uint32_t *)(const volatile void *)(page +
            (gcr3 & (HV_PAGE_MASK & ~31u)) + (va >> 30) * 8);
    uint32_t lo = e[0], hi = e[1];

    if (!(lo & PT_P))
        return WALK_NO_TABLE;
    if ((lo & GPDPTE_BAD) || hi || lo >> HV_PAGE_SHIFT >= g->limit_pages)
        return walk_bad(g, "page directory entry", lo, hi);
    *dir_gfn = lo >> HV_PAGE_SHIFT;
    return gpage_is_untouched(&g->pages[*dir_gfn]) ? WALK_NO_TABLE : WALK_OK;
}

/* Of the last ones the one to use now: that of the same addresses, or the oldest. */
static struct link_cache *link_slot(struct vcpu *v, struct shadow_mmu *m, uint32_t va)
{
    uint32_t n;

    if (va - v->link->first < v->link->bytes)
        return &m->links[v->link - m->links];
    n = m->link_next++ % LINKS;
    m->links_live |= 1u << n;
    v->link = &m->links[n];
    return &m->links[n];
}

void link_remember(struct vcpu *v, uint32_t va)
{
    const struct guest *g = v->guest;
    const struct shadow_root *r = v->root;
    struct link_cache *l = link_slot(v, g->mmu, va);
    uint32_t ent = (uint32_t)r->pd[va >> 30]->ents[va_l2(va)];
    struct shadow_table *t = table_of(ent);

    l->first = va & ~(LINK_BYTES - 1);
    l->bytes = LINK_BYTES;
    l->set_pte_bytes = va >> 21 < (g->kernel_address - 1) >> 21 && !t->pinned ? LINK_BYTES : 0;
    l->pgd = r->gcr3;
    l->pae = g->pae;
    l->allows = (ent & (PT_RW | PT_US)) | PT_P | PT_PS;
    l->dir.word[0] = NULL;
    l->gents = table_half(
        frame_ptr_kept(KEPT_TABLE + (enum kept_frame)(l - g->mmu->links),
                       gpage_frame(&g->pages[t->key & KEY_GFN])),
        t, g->pae);
    l->rmap_one = rmap_one(t, 0);
    l->table = t;
    l->ents = t->ents;
}

void link_denied(struct vcpu *v, uint32_t va, const uint32_t *gpte)
{
    const struct guest *g = v->guest;
    const struct shadow_root *r = v->root;
    struct shadow_mmu *m = g->mmu;
    struct shadow_table *t;
    uint32_t i = va_l1(va);

    if (hv_unlikely(!gpte)) {
        dir_zap(m, r->pd[va >> 30], va_l2(va));
        check_pin(v, m, r);
        return;
    }
    link_remember(v, va);
    t = v->link->table;
    evidence_of_link(&m->links[v->link - m->links].dir, g, r, va, t,
                     (uint32_t)r->pd[va >> 30]->ents[va_l2(va)], g->pae);
    if (entry_present(t, i) && !leaf_is_right((const uint32_t *)(t->ents + i), *gpte)) {
        leaf_zap(m, t, i);
        check_pin(v, m, r);
    }
}

static uint32_t pde_index(const struct guest *g, uint32_t va)
{
    return g->pae ? va_l2(va) : va >> 22;
}

static uint32_t pte_index(const struct guest *g, uint32_t va)
{
    return g->pae ? va_l1(va) : (va >> HV_PAGE_SHIFT) & 1023u;
}

bool guest_find_table(struct guest *g, uint32_t gcr3, uint32_t va, struct walk *w)
{
    const volatile uint32_t *e;
    const uint8_t *page;
    uint32_t hi;

    w->dir_gfn = gcr3 >> HV_PAGE_SHIFT;
    page = gpage_bytes(g, w->dir_gfn);
    if (!page)
        return false;
    if (g->pae) {
        e = (const volatile uint32_t *)(const volatile void *)(page +
                (gcr3 & (HV_PAGE_MASK & ~31u)) + (va >> 30) * 8);
        w->pde = *e;
        w->dir_gfn = w->pde >> HV_PAGE_SHIFT;
        page = w->pde & PT_P ? gpage_bytes(g, w->dir_gfn) : NULL;
        if (!page)
            return false;
    }
    w->pde = guest_entry(g, page, pde_index(g, va), &hi);
    w->table_gfn = w->pde >> HV_PAGE_SHIFT;
    return (w->pde & PT_P) && w->table_gfn < g->limit_pages;
}

static bool peek_byte(struct vcpu *v, uint32_t va, uint8_t *byte)
{
    struct guest *g = v->guest;
    uint32_t gfn = va >> HV_PAGE_SHIFT, hi;
    const uint8_t *page;
    struct walk w;

    if (!g->linear) {
        if (!guest_find_table(g, v->root->gcr3, va, &w))
            return false;
        page = gpage_bytes(g, w.table_gfn);
        gfn = page ? guest_entry(g, page, pte_index(g, va), &hi) : 0;
        if (!(gfn & PT_P))
            return false;
        gfn >>= HV_PAGE_SHIFT;
    }
    page = gpage_bytes(g, gfn);
    *byte = page ? page[va & HV_PAGE_MASK] : 0;
    return gfn < g->limit_pages;
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
