/* SPDX-License-Identifier: MIT */
/* T:332 What the guest announces: SET_PTE, by call and by the ring, SET_PGD and
 * SET_PMD (ABI 7.4 to 7.6).  The value in a call is a hint; guest memory decides
 * (hv/mmu/README.md, rule 7). */
#include "guest_walk.h"

#include "hv/hcall.h"

/* ---- one entry ---- */

/* One announced entry.  What counts is guest memory (cur); the value in the call
 * only saves the fault that would follow (ABI 7.5), which an untouched page
 * needs. The entry is replaced in place where one is there, which is what most calls
 * are for. */
HV_INLINE void announce(struct shadow_mmu *m, struct shadow_table *t, uint32_t i,
                        uint32_t cur, uint32_t lo)
{
    const struct guest *g = m->guest;
    struct gpage *new = &g->pages[lo >> HV_PAGE_SHIFT];
    uint64_t *slot = &t->ents[i], old = *slot;
    uint32_t flags = 0;

    if ((lo & PT_P) && (lo & (PT_A | PT_D)) && !((cur ^ lo) & ~(PT_A | PT_D)) &&
        !gpage_is_untouched(new))
        flags = leaf_flags(cur, new);
    if (hv_likely((uint32_t)old & PT_P)) {
        struct gpage *p = &g->pages[owner_of(old)];

        leaf_gone(m, p, (uint32_t)old);
        rmap_del(p, rmap_one(t, i));
        if (hv_unlikely(!flags)) {
            *slot = 0;
            mark_absent(t, i);
            return;
        }
    } else {
        if (!flags)
            return;
        mark_present(t, i);
    }
    leaf_write(slot, gpage_frame(new).v, flags);
    rmap_add(new, rmap_one(t, i));
}

static void announce_leaf(struct shadow_mmu *m, struct shadow_table *t, uint32_t va,
                          uint32_t lo, uint32_t hi)
{
    uint32_t i = va_l1(va), cur_hi;
    uint32_t cur = guest_entry(m->guest, gpage_known(m->guest, t->key & KEY_GFN),
                               guest_index(m->guest, t, i), &cur_hi);

    announce(m, t, i, cur, cur_hi == hi ? lo : 0);
    m->pin_gen += t->pinned;
}

/* ---- the everyday calls ---- */

/* Written for six registers: words instead of 64-bit entries, one thing after the
 * other, the guest's pages and their limit at hand. */
HV_INLINE struct gpage *slot_owner(struct gpage *pages, const uint32_t *slot)
{
    return &pages[frame_owner[(uint32_t)(*(const uint64_t *)(const void *)slot >>
                                         HV_PAGE_SHIFT)]];
}

/* The guest has cleared entry i of the remembered table. */
HV_INLINE void zap_linked(const struct link_cache *l, struct gpage *pages, uint32_t i)
{
    uint32_t *slot = (uint32_t *)(l->ents + i);
    struct gpage *p;

    if (!(slot[0] & PT_P))
        return;
    p = slot_owner(pages, slot);
    leaf_gone(l->mmu, p, slot[0]);
    rmap_del(p, l->rmap_one + i * RMAP_NEXT);
    slot[0] = 0;
    slot[1] = 0;
    mark_absent(l->table, i);
}

/* It has written one where none was. Not inline: it would take registers from the
 * loop over the ring. */
static HV_NOINLINE void install_linked(const struct link_cache *l, uint32_t i, uint32_t lo)
{
    if (leaf_put((uint32_t *)(l->ents + i), &l->pages[lo >> HV_PAGE_SHIFT], lo,
                 l->rmap_one + i * RMAP_NEXT))
        mark_present(l->table, i);
}

/* It has written one for a page that is touched first: there is no leaf meanwhile. */
static HV_NOINLINE void clear_linked(const struct link_cache *l, uint32_t i)
{
    l->ents[i] = 0;
    mark_absent(l->table, i);
}

/* It has written another present one; P, A and the limit were checked, and guest
 * memory holds just this. */
HV_INLINE void replace_linked(const struct link_cache *l, struct gpage *pages, uint32_t i,
                              uint32_t lo)
{
    uint32_t one = l->rmap_one + i * RMAP_NEXT;
    uint32_t *slot = (uint32_t *)(l->ents + i);
    struct gpage *p;

    if (!(slot[0] & PT_P)) {
        install_linked(l, i, lo);
        return;
    }
    p = slot_owner(pages, slot);
    leaf_gone(l->mmu, p, slot[0]);
    rmap_del(p, one);
    if (!leaf_put(slot, &pages[lo >> HV_PAGE_SHIFT], lo, one))
        clear_linked(l, i);
}

#define SLOT_WORDS 5u

/* A kernel that changes rights clears the entry first and sets it then: when the
 * second announcement is in the ring already, behind the first one in this slot, the
 * first can be passed over. */
static HV_NOINLINE bool set_again(const uint32_t *slot, const uint32_t *end,
                                  const uint8_t *status)
{
    const uint32_t *next = slot + SLOT_WORDS;

    return next != end && next[1] == slot[1] && next[0] == GABI_HCALL_SET_PTE &&
           status[1] != GABI_SLOT_FREE;
}

/* One call on the remembered table, or where nothing is to be done. gents: the
 * guest's entries for it. slot, end, status: see set_again(); NULL for a call that
 * is not in the ring. false: nothing was done, take the long way. */
HV_INLINE bool set_pte_quick(const struct link_cache *l, struct gpage *pages,
                             const uint32_t *gents, uint32_t pgd, uint32_t va, uint32_t lo,
                             uint32_t hi, bool pae, const uint32_t *slot,
                             const uint32_t *end, const uint8_t *status)
{
    const struct nothing_cache *none;

    if (hv_likely(va - l->first < l->set_pte_bytes && pgd == l->pgd)) {
        uint32_t at = (va - l->first) >> HV_PAGE_SHIFT;

        if (hv_likely((lo & (PT_P | PT_A | PT_PS)) == (PT_P | PT_A) && lo <= l->gpte_last)) {
            gents += pae ? at * 2 : at;
            if (*gents != lo || (pae && (hi | gents[1])))
                return false;
            replace_linked(l, pages, at, lo);
            return true;
        }
        if (lo & PT_P)
            return false;
        /* Behind the last slot there is more of lguest_data to look at. */
        if (!(slot && slot[SLOT_WORDS + 2] == va && set_again(slot, end, status)))
            zap_linked(l, pages, at);
        return true;
    }
    none = &l->mmu->nothing;
    if (va >> 21 != none->region || pgd != none->pgd || !evidence_holds(&none->dir, pae) ||
        (none->page->frame & GPAGE_PT))
        return false;
    /* Entries that kill do so here, too. */
    return !(lo & PT_P) || (!(lo & PT_PS) && lo <= l->gpte_last && !(pae && hi));
}

/* ---- the long way ---- */

static const uint32_t no_entry;
static const struct gpage no_page;

/* The root is cached and has no table there: so it is until a link changes. */
static void remember_no_link(struct shadow_mmu *m, uint32_t pgd, uint32_t va)
{
    m->nothing = (struct nothing_cache){
        va >> 21, pgd, {{&no_entry, &no_entry}, {0, 0}}, &no_page};
}

/* Not a cached root: find the table in guest memory and forget the entry. */
static void forget_leaf(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;
    struct shadow_table *t;
    struct walk w;

    if (!guest_find_table(g, pgd, va, &w))
        return;
    if (!(g->pages[w.table_gfn].frame & GPAGE_PT)) {
        /* Most are tables of a process that is being made. */
        m->nothing.region = va >> 21;
        m->nothing.pgd = pgd;
        m->nothing.page = &g->pages[w.table_gfn];
        evidence_take(&m->nothing.dir, g, pgd, va, w.dir_gfn, w.pde, g->pae);
        return;
    }
    t = table_find(m, l1_key(g, w.table_gfn, va));
    if (t && t->ents[va_l1(va)]) {
        leaf_zap(m, t, va_l1(va));
        check_pin(v, m, v->root);
    }
}

/* An entry of the kernel's half is every root's; most often they share one table,
 * and kernels that map high memory do this all the time. */
static void announce_kernel_leaf(struct shadow_mmu *m, uint32_t va, uint32_t lo,
                                 uint32_t hi)
{
    struct shadow_table *last = NULL;
    uint32_t found = 0;

    if (m->kernel.region == va >> 21) {
        announce_leaf(m, m->kernel.table, va, lo, hi);
        return;
    }
    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        struct shadow_root *r = &m->roots[i];
        struct shadow_table *t = r->in_use ? root_l1(r, va) : NULL;

        if (t && t != last) {
            announce_leaf(m, t, va, lo, hi);
            found++;
        }
        if (t)
            last = t;
    }
    if (found == 1)
        m->kernel = (struct kernel_cache){va >> 21, last, lo & PT_P ? ENTRIES : va_l1(va)};
}

static void set_pte_slow(struct vcpu *v, uint32_t pgd, uint32_t va, uint32_t lo, uint32_t hi)
{
    struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;
    struct shadow_root *r = v->root;
    struct shadow_table *t;

    if (hv_unlikely(va >= LAYOUT_GUEST_TOP)) {
        guest_kill(g, "attempt to set pte into Switcher pages (%#x)", va);
        return;
    }
    if (g->linear)
        return;
    if (va >= g->kernel_address) {
        announce_kernel_leaf(m, va, lo, hi);
        check_pin(v, m, r);
        return;
    }
    if (r->gcr3 != pgd)
        r = m->no_root == pgd ? NULL : root_find(m, pgd);
    if (!r) {
        m->no_root = pgd;
        forget_leaf(v, pgd, va);
        return;
    }
    t = root_l1(r, va);
    if (!t) {
        if (r != v->root)
            remember_no_link(m, pgd, va);
        return;
    }
    announce_leaf(m, t, va, lo, hi);
    if (t->pinned)
        shadow_check_pin(v);
    else if (r == v->root)
        link_remember(v, va);
}

static HV_NOINLINE void set_pte_checked(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    struct guest *g = v->guest;
    uint32_t lo = v->hcall_c, hi = g->pae ? v->hcall_d : 0;

    if (va < g->kernel_address && link_switch(v, va)) {
        shadow_set_pte(v, pgd, va); /* at most once more: it is the one now */
        return;
    }
    if (hv_unlikely((lo & PT_PS) || lo >> HV_PAGE_SHIFT >= g->limit_pages || hi)) {
        if ((lo & PT_P) && (lo & (PT_A | PT_D))) {
            guest_kill(g, "bad page table entry %#x%08x", hi, lo);
            return;
        }
        lo = hi = 0; /* not present or not used: there is nothing to install */
    }
    set_pte_slow(v, pgd, va, lo, hi);
}

/* A temporary mapping of the kernel's goes: many kernels say so twice. */
static HV_NOINLINE void set_pte_not_quick(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    struct shadow_mmu *m = v->guest->mmu;
    struct shadow_table *t = m->kernel.table;
    uint32_t i = va_l1(va);

    if ((v->hcall_c & PT_P) || m->kernel.region != va >> 21 || t->pinned) {
        set_pte_checked(v, pgd, va);
    } else if (entry_present(t, i)) {
        leaf_zap(m, t, i);
        m->kernel.cleared = i;
    }
}

void shadow_set_pte(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    const struct link_cache *l = v->link;
    bool done = v->guest->pae ? set_pte_quick(l, l->pages, l->gents, pgd, va, v->hcall_c,
                                              v->hcall_d, true, NULL, NULL, NULL)
                              : set_pte_quick(l, l->pages, l->gents, pgd, va, v->hcall_c, 0,
                                              false, NULL, NULL, NULL);

    if (!done)
        set_pte_not_quick(v, pgd, va);
}

HV_INLINE uint32_t set_ptes(const struct link_cache *l, uint8_t *status,
                            const uint32_t *slot, uint32_t max, bool pae)
{
    const uint32_t *gents = l->gents, *end = slot + max * SLOT_WORDS;
    struct gpage *pages = l->pages;
    uint8_t *at = status;

    for (; slot != end; slot += SLOT_WORDS) {
        if (*at == GABI_SLOT_FREE || slot[0] != GABI_HCALL_SET_PTE ||
            !set_pte_quick(l, pages, gents, slot[1], hv_read_once(slot[2]),
                           hv_read_once(slot[3]), pae ? hv_read_once(slot[4]) : 0, pae,
                           slot, end, at))
            break;
        *at++ = GABI_SLOT_FREE;
    }
    return (uint32_t)(at - status);
}

uint32_t shadow_set_ptes(struct vcpu *v, uint8_t *status, const uint32_t *slots,
                         uint32_t max)
{
    if (v->guest->pae)
        return set_ptes(v->link, status, slots, max, true);
    return set_ptes(v->link, status, slots, max, false);
}

/* ---- SET_PGD, SET_PMD ---- */

/* Forgets guest directory entry i of every shadow of this page. */
static void forget_dir(struct shadow_mmu *m, uint32_t gfn, uint32_t i)
{
    uint32_t first = m->guest->pae ? i : (i & 255) * 2;
    uint32_t n = m->guest->pae ? 1 : 2;
    uint32_t q = m->guest->pae ? 0 : i / 256;

    for (uint32_t sw = 0; sw < 2; sw++) {
        for (uint32_t k = first; k < first + n; k++) {
            uint32_t key = gfn | KEY_L2 | KEY_QUADRANT(q) | (sw ? KEY_SWITCHER : 0);
            struct shadow_table *t = table_find(m, key);

            if (t && entry_present(t, k))
                dir_zap(m, t, k);
        }
    }
}

void shadow_set_pgd(struct vcpu *v, uint32_t pgd, uint32_t index)
{
    struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;

    if (hv_unlikely(index >= (g->pae ? 4u : 1024u) ||
                    pgd >> HV_PAGE_SHIFT >= g->limit_pages)) {
        guest_kill(g, "attempt to set pgd %u of %#x", index, pgd);
        return;
    }
    if (g->linear)
        return;
    if (g->pae) {
        struct shadow_root *r = root_find(m, pgd);

        if (r && r->raw[index]) {
            root_drop_pd(m, r, index);
            if (index == 3)
                root_set_pd(m, r, 3, m->filler);
        }
    } else {
        forget_dir(m, pgd >> HV_PAGE_SHIFT, index);
    }
    shadow_check_pin(v);
}

void shadow_set_pmd(struct vcpu *v, uint32_t pmd, uint32_t index)
{
    struct guest *g = v->guest;

    if (hv_unlikely((g->pae_known && !g->pae) || index >= ENTRIES ||
                    pmd >> HV_PAGE_SHIFT >= g->limit_pages)) {
        guest_kill(g, "attempt to set pmd %u of %#x", index, pmd);
        return;
    }
    if (g->linear)
        return;
    forget_dir(g->mmu, pmd >> HV_PAGE_SHIFT, index);
    shadow_check_pin(v);
}
