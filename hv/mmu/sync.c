/* SPDX-License-Identifier: MIT */
/* T:330 Keeping shadows true: comparing a table with the guest's after it was
 * written, the flushes, and the announcements SET_PTE, SET_PGD and SET_PMD.
 *
 * A flush need not drop anything.  The CPU sets D in the shadow leaf through
 * which the guest writes a page-table page; every other way to write there
 * (the monitor's own writes, the switcher's alias, more than one mapping)
 * counts as dirty.  So a page that is not dirty still says what its shadows
 * say, and only dirty ones are compared. */
#include "guest_walk.h"

#include "hv/arch_if.h"

/* D first, then the comparison: a write after this shows up again. */
static void start_clean(struct shadow_mmu *m, uint32_t gfn)
{
    gpage_track(m, &m->guest->pages[gfn]);
    m->resyncs++;
}

/* The flags a present leaf may keep, or 0: it must go. */
static uint32_t leaf_expected(const struct guest *g, uint64_t ent, uint32_t gpte,
                              uint32_t hi)
{
    uint32_t gfn = gpte >> HV_PAGE_SHIFT;

    if (hi || (gpte & PT_PS) || gfn != owner_of(ent))
        return 0;
    return leaf_flags(gpte, &g->pages[gfn]);
}

static void resync_leaf(struct shadow_mmu *m, struct shadow_table *t, uint32_t i,
                        uint32_t gpte, uint32_t hi)
{
    uint64_t ent = t->ents[i];
    uint32_t want = leaf_expected(m->guest, ent, gpte, hi);
    uint32_t have = (uint32_t)ent & PT_LOW & ~PT_D;

    if (hv_likely(want == have))
        return;
    if (!want) {
        leaf_zap(m, t, i);
        return;
    }
    if (!(want & PT_RW)) {
        harvest_dirty(&m->guest->pages[owner_of(ent)], ent);
        ent &= ~(uint64_t)PT_D;
        cache_drop(m);
    }
    t->ents[i] = (ent & ~(uint64_t)(PT_LOW & ~PT_D)) | want;
}

/* True if the leaf is just what the guest's entry asks for: most are. */
HV_INLINE bool leaf_is_right(const struct guest *g, const uint32_t *ent, uint32_t gpte)
{
    uint32_t frame;

    if (((ent[0] ^ gpte) & (PT_P | PT_RW | PT_US | PT_A)) || (gpte & PT_PS) ||
        (gpte & (PT_RW | PT_D)) == PT_RW || gpte >> HV_PAGE_SHIFT >= g->limit_pages)
        return false;
    frame = g->pages[gpte >> HV_PAGE_SHIFT].frame;
    return !(((frame << HV_PAGE_SHIFT) ^ ent[0]) & ~HV_PAGE_MASK) &&
           !(((frame >> (32 - HV_PAGE_SHIFT)) ^ ent[1]) & 0xfu);
}

HV_INLINE void resync_entries(struct shadow_mmu *m, struct shadow_table *t, bool pae)
{
    struct guest *g = m->guest;
    const uint32_t *gents = (const uint32_t *)(const void *)gpage_known(g, t->key & KEY_GFN);

    gents += guest_index(g, t, 0) * (pae ? 2 : 1);
    for (uint32_t w = 0; w < ENTRIES / 32; w++) {
        uint32_t bits = t->present[w];

        for (; bits; bits &= bits - 1) {
            uint32_t i = w * 32 + (uint32_t)__builtin_ctz(bits);
            uint32_t gpte = gents[pae ? i * 2 : i], hi = pae ? gents[i * 2 + 1] : 0;

            if (hv_likely(!hi && leaf_is_right(g, (const uint32_t *)&t->ents[i], gpte)))
                continue;
            resync_leaf(m, t, i, gpte, hi);
        }
    }
}

static HV_NOINLINE void resync_l1(struct shadow_mmu *m, struct shadow_table *t)
{
    if (m->guest->pae)
        resync_entries(m, t, true);
    else
        resync_entries(m, t, false);
}

/* The shadow flags of a directory entry: its own RW and US, never more. */
static uint32_t dir_flags(uint32_t gpde)
{
    return PT_P | PT_A | (gpde & (PT_RW | PT_US));
}

static void resync_dir_entry(struct shadow_mmu *m, struct shadow_table *t, uint32_t i,
                             uint32_t gpde, uint32_t hi)
{
    uint64_t ent = t->ents[i];

    if ((gpde & (PT_P | PT_A)) != (PT_P | PT_A) || (gpde & GPDE_BAD) || hi ||
        gpde >> HV_PAGE_SHIFT != (table_of(ent)->key & KEY_GFN)) {
        dir_zap(m, t, i);
    } else if ((ent & (PT_RW | PT_US)) != (gpde & (PT_RW | PT_US))) {
        t->ents[i] = (ent & ~(uint64_t)PT_LOW) | dir_flags(gpde);
        cache_drop(m);
    }
}

static void resync_l2(struct shadow_mmu *m, struct shadow_table *t)
{
    struct guest *g = m->guest;

    for (uint32_t words = t->words; words; words &= words - 1) {
        uint32_t w = (uint32_t)__builtin_ctz(words);

        for (uint32_t bits = t->present[w]; bits; bits &= bits - 1) {
            uint32_t i = w * 32 + (uint32_t)__builtin_ctz(bits);
            /* Afresh each time: zapping an entry lets interrupts in, and what
             * they do may need the window. */
            const uint8_t *page = gpage_known(g, t->key & KEY_GFN);
            uint32_t hi, gpde = guest_entry(g, page, guest_index(g, t, i), &hi);

            resync_dir_entry(m, t, i, gpde, hi);
        }
    }
}

/* Zapping a directory entry can free tables, also tables keyed by this very
 * page (a directory that maps itself), so the cache is asked afresh each time,
 * and the search ends when as many were seen as there are. */
void resync_page(struct shadow_mmu *m, uint32_t gfn)
{
    uint32_t seen = 0, total = m->guest->pages[gfn].frame / GPAGE_PT_ONE;

    start_clean(m, gfn);
    for (uint32_t n = 0; n < 10 && seen < total; n++) {
        /* 2 quadrants as table, 4 as directory, 4 with the switcher. */
        uint32_t q = n < 2 ? n : (n - 2) & 3;
        uint32_t level = n < 2 ? 0 : n < 6 ? KEY_L2 : KEY_L2 | KEY_SWITCHER;
        struct shadow_table *t = table_find(m, gfn | level | KEY_QUADRANT(q));

        if (!t)
            continue;
        seen++;
        if (level) {
            m->dir_resyncs++;
            resync_l2(m, t);
        } else {
            resync_l1(m, t);
        }
        arch_preempt_point(); /* between tables */
    }
}

static void resync_if_dirty(struct shadow_mmu *m, uint32_t key)
{
    uint32_t gfn = key & KEY_GFN;

    if (!(key & KEY_LINEAR) && gpage_is_dirty(m, &m->guest->pages[gfn]))
        resync_page(m, gfn);
}

/* ---- flushes ---- */

void resync_below(struct shadow_mmu *m, struct shadow_root *r, uint32_t top,
                  uint32_t nr_entries)
{
    struct shadow_table *pd = r->pd[top];
    uint32_t last = LINK_NONE; /* a 2-level table has two entries in a row */

    for (uint32_t words = pd->words; words; words &= words - 1) {
        uint32_t w = (uint32_t)__builtin_ctz(words);

        for (uint32_t bits = pd->present[w]; bits; bits &= bits - 1) {
            uint32_t i = w * 32 + (uint32_t)__builtin_ctz(bits), key;

            /* An earlier round may have zapped it, or let the directory go. */
            if (r->pd[top] != pd || i >= nr_entries)
                return;
            if (!entry_present(pd, i))
                continue;
            key = table_of(pd->ents[i])->key;
            if (((key ^ last) & KEY_GFN) && !(key & KEY_LINEAR) &&
                gpage_is_dirty(m, &m->guest->pages[key & KEY_GFN]))
                resync_page(m, key & KEY_GFN);
            last = key;
        }
    }
}

void shadow_flush_user(struct vcpu *v)
{
    struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;
    struct shadow_root *r = v->root;
    uint32_t kernel = g->kernel_address >> 21;

    if (g->linear)
        return;
    if (g->pae)
        root_reload_pdptes(m, r);
    for (uint32_t top = 0; top < 4 && top * ENTRIES < kernel; top++) {
        if (!r->pd[top] || !r->pd[top]->nr_present)
            continue;
        resync_if_dirty(m, r->pd[top]->key);
        if (r->pd[top])
            resync_below(m, r, top, hv_min_u32(kernel - top * ENTRIES, ENTRIES));
    }
    shadow_check_pin(v);
}

void shadow_flush_all(struct vcpu *v)
{
    struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;

    if (g->linear)
        return;
    if (g->pae) {
        for (uint32_t i = 0; i < MAX_ROOTS; i++) {
            if (m->roots[i].in_use)
                root_reload_pdptes(m, &m->roots[i]);
        }
    }
    for (uint32_t id = 1; id <= m->nr_pages; id++) {
        struct shadow_table *t = table_by_id(m, id);

        if (t->links) /* key 0 is a key: page 0 as a table */
            resync_if_dirty(m, t->key);
    }
    shadow_check_pin(v);
}

/* ---- SET_PTE ---- */

/* One announced entry.  What counts is guest memory (cur); the value in the call
 * only saves the fault that would follow (design section 4). The entry is
 * replaced in place where one is there, which is what most calls are for. */
HV_INLINE void announce(struct shadow_mmu *m, struct shadow_table *t, uint64_t *slot,
                        uint32_t id, uint32_t cur, uint32_t lo)
{
    const struct guest *g = m->guest;
    struct gpage *new = &g->pages[lo >> HV_PAGE_SHIFT];
    uint64_t old = *slot;
    uint32_t flags = 0;

    if ((lo & PT_P) && (lo & (PT_A | PT_D)) && !((cur ^ lo) & ~(PT_A | PT_D)))
        flags = leaf_flags(cur, new);
    if (hv_likely((uint32_t)old & PT_P)) {
        struct gpage *p = &g->pages[owner_of(old)];

        writable_lost(m, p);
        harvest_dirty(p, old);
        rmap_del(p, id);
        if (hv_unlikely(!flags)) {
            *slot = 0;
            mark_absent(t, id & (ENTRIES - 1));
            return;
        }
    } else {
        if (!flags)
            return;
        mark_present(t, id & (ENTRIES - 1));
    }
    leaf_write(slot, new->frame & GPAGE_FRAME, flags);
    rmap_add(new, id);
}

static void announce_leaf(struct shadow_mmu *m, struct shadow_table *t, uint32_t va,
                          uint32_t lo, uint32_t hi)
{
    uint32_t i = va_l1(va), cur_hi;
    uint32_t cur = guest_entry(m->guest, gpage_known(m->guest, t->key & KEY_GFN),
                               guest_index(m->guest, t, i), &cur_hi);

    announce(m, t, &t->ents[i], map_id(t, i), cur, cur_hi == hi ? lo : 0);
    m->pin_gen += t->pinned;
}

/* The same through the table that was remembered, for the everyday calls. Written
 * for six registers: words instead of 64-bit entries, one thing after the other. */
HV_INLINE struct gpage *slot_owner(const struct guest *g, const uint32_t *slot)
{
    return &g->pages[frame_owner[(uint32_t)(*(const uint64_t *)(const void *)slot >>
                                            HV_PAGE_SHIFT)]];
}

HV_INLINE void rmap_del8(struct gpage *p, uint32_t id8)
{
    if (hv_likely((uint8_t)p->rmap != RMAP_MANY))
        p->rmap = (p->rmap ^ id8) - 1;
}

/* The guest has cleared the entry. */
HV_INLINE void zap_linked(struct shadow_mmu *m, const struct guest *g, uint32_t i)
{
    uint32_t *slot = (uint32_t *)(m->link.ents + i);
    struct gpage *p;

    if (!(slot[0] & PT_P))
        return;
    p = slot_owner(g, slot);
    harvest_dirty(p, slot[0]);
    rmap_del8(p, m->link.id8 + (i << 8));
    slot[0] = 0;
    slot[1] = 0;
    mark_absent(m->link.table, i);
    writable_lost(m, p);
}

/* It has written another present one. false: nothing was done. */
HV_INLINE bool replace_linked(struct shadow_mmu *m, const struct guest *g, uint32_t i,
                              uint32_t lo, bool pae)
{
    const uint32_t *gpte = link_guest_entry(&m->link, i, pae);
    uint32_t *slot = (uint32_t *)(m->link.ents + i);
    uint32_t frame, id8 = m->link.id8 + (i << 8);
    struct gpage *p;

    /* Guest memory must hold just this; P, A and the limit were checked. */
    if (hv_read_once(*gpte) != lo || (pae && gpte[1]))
        return false;
    if (slot[0] & PT_P) {
        p = slot_owner(g, slot);
        writable_lost(m, p);
        harvest_dirty(p, slot[0]);
        rmap_del8(p, id8);
    } else {
        mark_present(m->link.table, i);
    }
    p = &g->pages[lo >> HV_PAGE_SHIFT];
    frame = p->frame;
    if (!(lo & PT_D) || !(frame & GPAGE_OURS))
        lo &= ~PT_RW;
    slot[0] = (frame << HV_PAGE_SHIFT) | (lo & (PT_P | PT_RW | PT_US | PT_A));
    slot[1] = (frame >> (32 - HV_PAGE_SHIFT)) & 0xfu;
    if (hv_likely((uint8_t)p->rmap != RMAP_MANY))
        p->rmap = (p->rmap ^ id8) + 1;
    return true;
}

/* Not a cached root: find the table in guest memory and forget the entry. */
static void forget_leaf(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    struct shadow_mmu *m = v->guest->mmu;
    struct shadow_table *t;
    uint32_t gfn;

    if (!guest_find_table(v->guest, pgd, va, &gfn) ||
        !(v->guest->pages[gfn].frame & GPAGE_PT))
        return; /* most are tables of a process that is being made */
    t = table_find(m, l1_key(v->guest, gfn, va));
    if (t && t->ents[va_l1(va)])
        leaf_zap(m, t, va_l1(va));
}

static void announce_kernel_leaf(struct shadow_mmu *m, uint32_t va, uint32_t lo,
                                 uint32_t hi)
{
    struct shadow_table *last = NULL;

    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        struct shadow_root *r = &m->roots[i];
        struct shadow_table *t = r->in_use ? root_l1(r, va) : NULL;

        if (t && t != last)
            announce_leaf(m, t, va, lo, hi);
        if (t)
            last = t;
    }
}

static void set_pte_slow(struct vcpu *v, uint32_t pgd, uint32_t va,
                                     uint32_t lo, uint32_t hi)
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
        shadow_check_pin(v);
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
    if (!t)
        return;
    announce_leaf(m, t, va, lo, hi);
    if (t->pinned)
        shadow_check_pin(v);
    else if (r == v->root && va >> 21 != (g->kernel_address - 1) >> 21)
        link_remember(m, r, va, t, true);
}

static HV_NOINLINE void set_pte_checked(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    struct guest *g = v->guest;
    uint32_t lo = v->hcall_c, hi = g->pae ? v->hcall_d : 0;

    if (hv_unlikely((lo & PT_PS) || lo >> HV_PAGE_SHIFT >= g->limit_pages || hi)) {
        if ((lo & PT_P) && (lo & (PT_A | PT_D))) {
            guest_kill(g, "bad page table entry %#x%08x", hi, lo);
            return;
        }
        lo = hi = 0; /* not present or not used: there is nothing to install */
    }
    set_pte_slow(v, pgd, va, lo, hi);
}

void shadow_set_pte(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    const struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;
    uint32_t lo = v->hcall_c;

    /* Bit 0 away: NO_CR3 is a number that a guest can give as well. */
    if (hv_likely(m->link.region == va >> 21 && m->link.pgd == (pgd & ~NO_CR3))) {
        if (hv_likely((lo & (PT_P | PT_A | PT_PS)) == (PT_P | PT_A) &&
                      lo >> HV_PAGE_SHIFT < g->limit_pages)) {
            if (hv_likely(!g->pae)) {
                if (replace_linked(m, g, va_l1(va), lo, false))
                    return;
            } else if (!v->hcall_d && replace_linked(m, g, va_l1(va), lo, true)) {
                return;
            }
        } else if (!(lo & PT_P)) {
            zap_linked(m, g, va_l1(va));
            return;
        }
    }
    set_pte_checked(v, pgd, va);
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
