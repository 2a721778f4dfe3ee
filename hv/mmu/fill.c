/* SPDX-License-Identifier: MIT */
/* T:340 Filling the shadow on demand (ABI 7.3): page faults, by the tables that the
 * last ones have found or by a walk of the guest's. */
#include "guest_walk.h"

/* How many leaves around a fault are looked at, aligned; one word of presence. */
#define AROUND 32u

/* Fills neighbours of leaf i that the CPU could load without a fault and without
 * writing to the guest's tables: present with A set. The directory has A. What nobody
 * has touched stays so. gents: the guest's entry for leaf 0. */
HV_INLINE void fill_around(const struct guest *g, struct shadow_table *t, uint32_t i,
                           const uint32_t *gents, bool pae)
{
    uint32_t first = i & ~(AROUND - 1), step = pae ? 2 : 1;
    const uint32_t *e = gents + first * step;
    uint32_t *ent = (uint32_t *)(t->ents + first);
    uint32_t have = t->present[first / 32], last = g->mmu->gpte_last;
    uint32_t one = rmap_one(t, first);
    struct gpage *pages = g->pages;

    for (uint32_t k = 0; k != AROUND; k++, one += RMAP_NEXT) {
        uint32_t gpte = hv_read_once(e[k * step]);

        if ((gpte & (PT_P | PT_A | PT_PS)) != (PT_P | PT_A) || (have >> k & 1) ||
            gpte > last || (pae && e[k * step + 1]))
            continue;
        if (leaf_put(ent + k * 2, &pages[gpte >> HV_PAGE_SHIFT], gpte, one))
            have |= 1u << k;
    }
    t->present[first / 32] = have;
    t->words |= 1u << (first / 32);
}

/* Worth looking around: the next page, or the one before, would go in, and has not. A
 * run that the guest touches for the first time has A clear there; and where single
 * entries come and go, as a kernel's temporary mappings do, those beside are there. */
HV_INLINE bool neighbours_wanted(const struct shadow_table *t, const uint32_t *gents,
                                 uint32_t i, const struct gpage *pages, uint32_t last,
                                 bool pae)
{
    uint32_t n = i ^ 1; /* in the same word of presence */
    uint32_t gpte = hv_read_once(gents[pae ? n * 2 : n]);

    return (gpte & (PT_P | PT_A)) == (PT_P | PT_A) && !entry_present(t, n) && gpte <= last &&
           !gpage_is_untouched(&pages[gpte >> HV_PAGE_SHIFT]);
}

/* Links every directory entry whose table is cached already and whose A bit is
 * set: a new root finds its kernel half at once. */
static void link_around(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i)
{
    struct guest *g = m->guest;
    const uint8_t *page = gpage_bytes(g, pd->key & KEY_GFN);

    for (uint32_t k = i & ~31u; k < (i | 31u) + 1; k++) {
        uint32_t hi, gpde = guest_entry(g, page, guest_index(g, pd, k), &hi);
        struct shadow_table *t;

        if ((gpde & (PT_P | PT_A | GPDE_BAD)) != (PT_P | PT_A) || hi ||
            gpde >> HV_PAGE_SHIFT >= g->limit_pages || entry_present(pd, k) ||
            ((pd->key & KEY_SWITCHER) && k >= RESERVED_ENTRY))
            continue;
        t = table_find(m, g->pae ? gpde >> HV_PAGE_SHIFT
                                 : (gpde >> HV_PAGE_SHIFT) | KEY_QUADRANT(k & 1));
        if (!t || gpage_is_dirty(m, &g->pages[gpde >> HV_PAGE_SHIFT]))
            continue;
        t->links++;
        pd->ents[k] = (uint64_t)(uintptr_t)t->ents | PT_P | PT_A |
                      (gpde & (PT_RW | PT_US));
        mark_present(pd, k);
    }
}

/* A table that was built under another root and written since is compared
 * before it is trusted here: whoever unlinked it there may not have said so.
 * old: it was there before this link; the other link may have gone since. */
static void trust(struct shadow_mmu *m, const struct shadow_table *t, bool old)
{
    uint32_t gfn = t->key & KEY_GFN;

    if (old && gpage_is_dirty(m, &m->guest->pages[gfn]))
        resync_page(m, gfn);
}

/* The directory of va in the root, linked; NULL: no room. */
static struct shadow_table *get_dir(struct shadow_mmu *m, struct shadow_root *r,
                                    uint32_t va, uint32_t dir_gfn)
{
    uint32_t top = va >> 30;
    uint32_t key = l2_key(m->guest, dir_gfn, va);
    struct shadow_table *pd = r->pd[top];
    bool old;

    if (hv_likely(pd && pd->key == key))
        return pd;
    pd = table_get(m, key);
    if (!pd)
        return NULL;
    old = pd->links > 0;
    root_set_pd(m, r, top, pd);
    if (m->guest->pae)
        r->raw[top] = r->seen[top] = (dir_gfn << HV_PAGE_SHIFT) | PT_P;
    trust(m, pd, old);
    if (old) /* and so are the tables that it brings along */
        resync_below(m, r, top, ENTRIES);
    return pd;
}

/* The page is becoming a table while shadows of it as a directory are left. Most
 * likely an address space died and its pages were used again: roots that are not
 * in use and have it as a directory go, or every flush would compare them. */
static void drop_dead_roots(struct shadow_mmu *m, const struct shadow_root *now,
                            uint32_t gfn)
{
    for (uint32_t n = 0; n < MAX_ROOTS; n++) {
        struct shadow_root *r = &m->roots[n];

        for (uint32_t i = 0; i < 4 && r != now && r->in_use; i++) {
            if (r->pd[i] && !(r->pd[i]->key & KEY_LINEAR) &&
                (r->pd[i]->key & KEY_GFN) == gfn)
                root_release(m, r);
        }
    }
}

/* Links the table of va as the guest's directory said in this walk; NULL: no room, or
 * interrupts were let in, and it may say something else by now. */
static HV_NOINLINE struct shadow_table *link_table(struct shadow_mmu *m,
                                                   struct shadow_root *r, uint32_t va,
                                                   const struct walk *w)
{
    uint32_t breaks = m->link_breaks = m->breaks;
    struct shadow_table *pd = get_dir(m, r, va, w->dir_gfn);
    struct shadow_table *t;
    uint32_t i = va_l2(va);
    bool old, fresh;

    if (!pd)
        return NULL;
    fresh = !pd->words;
    t = table_get(m, l1_key(m->guest, w->table_gfn, va));
    if (!t)
        return NULL;
    old = t->links > 0;
    t->links++;
    links_changed(m);
    if (m->guest->pages[w->table_gfn].frame / GPAGE_PT_ONE > (m->guest->pae ? 1 : 2))
        drop_dead_roots(m, r, w->table_gfn);
    if (pd->ents[i] & PT_P)
        dir_zap(m, pd, i);
    if (m->breaks != breaks) {
        table_unlink(m, t);
        return NULL;
    }
    pd->ents[i] = (uint64_t)(uintptr_t)t->ents | PT_P | PT_A |
                  (w->pde & (PT_RW | PT_US));
    mark_present(pd, i);
    trust(m, t, old);
    /* A new directory, or the kernel's half: its neighbours may well be there. */
    if (fresh || va >= m->guest->kernel_address)
        link_around(m, pd, i);
    return m->breaks == breaks ? t : NULL;
}

/* link_table() gave none: what it lacked, or was it only that the walk is too old? */
static HV_NOINLINE void link_again(struct vcpu *v)
{
    if (v->guest->mmu->breaks == v->guest->mmu->link_breaks)
        pool_make_room(v);
}

/* The table of va if it is linked already just as the walk found it. */
HV_INLINE struct shadow_table *linked_table(const struct shadow_root *r, uint32_t va,
                                            const struct walk *w, bool pae)
{
    const struct shadow_table *pd = r->pd[va >> 30];
    uint32_t key = w->table_gfn | (pae ? 0 : KEY_QUADRANT((va >> 21) & 1));
    struct shadow_table *t;
    uint32_t ent;

    if (hv_unlikely(!pd))
        return NULL;
    if (pae && hv_unlikely((pd->key & (KEY_GFN | KEY_LINEAR)) != w->dir_gfn))
        return NULL;
    ent = (uint32_t)pd->ents[va_l2(va)];
    if (hv_unlikely(!(ent & PT_P) || ((ent ^ w->pde) & (PT_RW | PT_US))))
        return NULL;
    t = table_of(ent);
    return hv_likely(t->key == key) ? t : NULL;
}

/* The page that the walk allowed to be touched, and it is untouched or at rest. */
static HV_NOINLINE void page_not_ours(struct guest *g, uint32_t gfn, uint32_t access)
{
    if (gpage_is_untouched(&g->pages[gfn]))
        gpage_touch(g, gfn);
    else if (access & PT_RW)
        quiet_end(g->mmu, gfn);
}

/* Installs the leaf that the walk allowed, and its neighbours. */
HV_INLINE void fill_leaf(struct vcpu *v, struct shadow_table *t, uint32_t va,
                         const struct walk *w, bool pae)
{
    struct guest *g = v->guest;
    struct gpage *p = &g->pages[w->gfn];
    uint32_t i = va_l1(va);
    uint32_t flags = leaf_flags(w->pte, p);
    uint64_t ent = t->ents[i];
    const uint32_t *gents;

    if (hv_unlikely(ent)) {
        if (owner_of(ent) == w->gfn && !((uint32_t)ent & ~flags & (PT_RW | PT_US))) {
            t->ents[i] = ent | flags; /* only gains rights */
            return;
        }
        leaf_zap(g->mmu, t, i);
        check_pin(v, g->mmu, v->root);
    }
    leaf_install(t, i, p, flags);
    gents = table_half(gpage_known(g, w->table_gfn), t, pae);
    if (neighbours_wanted(t, gents, i, g->pages, g->mmu->gpte_last, pae))
        fill_around(g, t, i, gents, pae);
}

/* Makes the address accessible in the current root. */
HV_INLINE enum walk_result fill_format(struct vcpu *v, uint32_t va, uint32_t access,
                                       bool pae)
{
    struct guest *g = v->guest;
    struct walk w;

    for (;;) {
        enum walk_result r = guest_walk(g, v->root->gcr3, va, access, &w, pae);
        struct shadow_table *t;

        if (hv_unlikely(r != WALK_OK)) {
            if (r != WALK_KILLED && root_l1(v->root, va))
                link_denied(v, va, r != WALK_NO_TABLE && linked_table(v->root, va, &w, pae)
                                       ? &w.pte : NULL);
            return r;
        }
        if (hv_unlikely(!(g->pages[w.gfn].frame & GPAGE_OURS)))
            page_not_ours(g, w.gfn, access);
        t = linked_table(v->root, va, &w, pae);
        if (hv_unlikely(!t)) {
            t = link_table(g->mmu, v->root, va, &w);
            check_pin(v, g->mmu, v->root); /* it may have taken the stack's place */
        }
        if (hv_likely(t != NULL)) {
            fill_leaf(v, t, va, &w, pae);
            link_remember(v, va);
            return WALK_OK;
        }
        link_again(v);
    }
}

static HV_NOINLINE enum walk_result fill(struct vcpu *v, uint32_t va, uint32_t access)
{
    if (v->guest->pae)
        return fill_format(v, va, access, true);
    return fill_format(v, va, access, false);
}

/* A fault in the 2 MiB of the last one: the directory levels are as they were
 * when the link was made, which is what the CPU may assume too until the next
 * flush (SDM 3A 4.10.4). These return what shadow_fault_linked() does. */

/* The directories are as they were: what the CPU would look at when it tries again. */
HV_INLINE bool dir_holds(const struct link_cache *l, bool pae)
{
    const struct evidence *dir = &l->dir;

    return evidence_holds(dir, pae) && !(pae && (dir->word[0][1] | dir->word[1][1]));
}

/* The entry e, which holds gpte, is present and a valid one, and does not allow the
 * access. */
HV_INLINE bool entry_denies(const struct link_cache *l, const uint32_t *e, uint32_t gpte,
                            uint32_t access, bool pae)
{
    return (gpte & (PT_P | PT_PS)) == PT_P && gpte <= l->gpte_last && !(pae && e[1]) &&
           (access & ~(gpte & l->allows));
}

/* No leaf, and an entry that is present does not allow the access, or so it seemed. Not
 * inline: it would take registers from fill_linked(). */
static HV_NOINLINE uint32_t denied_by_entry(const struct link_cache *l, const uint32_t *e,
                                            uint32_t access)
{
    return entry_denies(l, e, hv_read_once(*e), access, l->pae) ? access | PF_ERR_P
                                                                : SHADOW_LONG_WAY;
}

/* No leaf, and the entry does not allow the access: the guest's own fault. */
HV_INLINE uint32_t denied_linked(const struct link_cache *l, const uint32_t *e,
                                 uint32_t access, bool pae)
{
    if (!dir_holds(l, pae))
        return SHADOW_LONG_WAY;
    if (hv_read_once(*e) & PT_P)
        return denied_by_entry(l, e, access);
    return access;
}

/* A leaf that does not allow the access. If the entry does not either, it is the
 * guest's own fault; a leaf that is not what the entry says goes, which is for the
 * long way, as more rights are. */
HV_INLINE uint32_t denied_by_leaf(const struct link_cache *l, uint32_t i, uint32_t access,
                                  bool pae)
{
    const uint32_t *e = link_guest_entry(l, i, pae);
    uint32_t gpte = hv_read_once(*e);

    if (entry_denies(l, e, gpte, access, pae) &&
        leaf_is_right((const uint32_t *)(l->ents + i), gpte) && dir_holds(l, pae))
        return access | PF_ERR_P;
    return SHADOW_LONG_WAY;
}

static HV_NOINLINE uint32_t denied_by_leaf_2level(const struct link_cache *l, uint32_t i,
                                                  uint32_t hw_err)
{
    return denied_by_leaf(l, i, hw_err & (PT_RW | PT_US), false);
}

static HV_NOINLINE uint32_t denied_by_leaf_pae(const struct link_cache *l, uint32_t i,
                                               uint32_t hw_err)
{
    return denied_by_leaf(l, i, hw_err & (PT_RW | PT_US), true);
}

/* An entry that the guest has used before: those beside it may be of use, too. */
HV_INLINE uint32_t fill_neighbours(const struct link_cache *l, uint32_t i, bool pae)
{
    if (neighbours_wanted(l->table, l->gents, i, l->pages, l->gpte_last, pae))
        fill_around(l->mmu->guest, l->table, i, l->gents, pae);
    return SHADOW_FILLED;
}

static HV_NOINLINE uint32_t fill_neighbours_2level(const struct link_cache *l, uint32_t i)
{
    return fill_neighbours(l, i, false);
}

static HV_NOINLINE uint32_t fill_neighbours_pae(const struct link_cache *l, uint32_t i)
{
    return fill_neighbours(l, i, true);
}

/* As few values alive at a time as there are registers. */
HV_INLINE uint32_t fill_linked(const struct link_cache *l, uint32_t i, uint32_t access,
                               bool pae)
{
    uint32_t *e = link_guest_entry(l, i, pae), *slot;
    uint32_t gpte = hv_read_once(*e), want;

    if (hv_unlikely((gpte & l->allows & (access | PT_P | PT_PS)) != (access | PT_P)))
        return denied_linked(l, e, access, pae);
    if (gpte > l->gpte_last || (pae && e[1]))
        return SHADOW_LONG_WAY;
    slot = (uint32_t *)(l->ents + i);
    if (slot[0] & PT_P)
        return SHADOW_LONG_WAY;
    want = gpte | PT_A | (access & PT_RW) << 5; /* D is five bits above RW */
    if (want == gpte) {
        if (!leaf_put(slot, &l->pages[want >> HV_PAGE_SHIFT], want,
                      l->rmap_one + i * RMAP_NEXT))
            return SHADOW_LONG_WAY;
        mark_present(l->table, i);
        return pae ? fill_neighbours_pae(l, i) : fill_neighbours_2level(l, i);
    }
    /* A run touched for the first time has A clear in the next entry, too. */
    if (!guest_entry_set(e, gpte, want) ||
        !leaf_put(slot, &l->pages[want >> HV_PAGE_SHIFT], want,
                  l->rmap_one + i * RMAP_NEXT))
        return SHADOW_LONG_WAY;
    mark_present(l->table, i);
    return SHADOW_FILLED;
}

static HV_NOINLINE uint32_t fill_linked_2level(const struct link_cache *l, uint32_t i,
                                               uint32_t hw_err)
{
    return fill_linked(l, i, hw_err & (PT_RW | PT_US), false);
}

static HV_NOINLINE uint32_t fill_linked_pae(const struct link_cache *l, uint32_t i,
                                            uint32_t hw_err)
{
    return fill_linked(l, i, hw_err & (PT_RW | PT_US), true);
}

uint32_t shadow_fault_linked(const struct vcpu *v, gva_t gva, uint32_t hw_err)
{
    const struct link_cache *l = v->link;
    uint32_t at = gva.v - l->first;

    _Static_assert(PT_RW << 5 == PT_D, "fill_linked() shifts one to the other");
    if (hv_unlikely(at >= l->bytes))
        return SHADOW_LONG_WAY;
    at >>= HV_PAGE_SHIFT;
    if (hw_err & PF_ERR_P)
        return l->pae ? denied_by_leaf_pae(l, at, hw_err)
                      : denied_by_leaf_2level(l, at, hw_err);
    if (l->pae)
        return fill_linked_pae(l, at, hw_err);
    return fill_linked_2level(l, at, hw_err);
}

uint32_t shadow_fault_walk(struct vcpu *v, gva_t gva, uint32_t hw_err)
{
    uint32_t access = hw_err & (PT_RW | PT_US);
    enum walk_result r = WALK_ABSENT;

    if (hv_likely(gva.v < LAYOUT_GUEST_TOP)) {
        if (hv_unlikely(v->guest->linear)) {
            if (access & PT_US)
                return access | PF_ERR_P; /* everything is the supervisor's */
            return linear_fault(v, gva.v) ? SHADOW_FILLED : access;
        }
        if (link_switch(v, gva.v)) {
            uint32_t err = shadow_fault_linked(v, gva, hw_err);

            if (hv_likely(err != SHADOW_LONG_WAY))
                return err;
        }
        r = fill(v, gva.v, access);
        if (hv_likely(r == WALK_OK || r == WALK_KILLED))
            return SHADOW_FILLED;
    }
    return access | (r == WALK_DENIED ? PF_ERR_P : 0);
}
