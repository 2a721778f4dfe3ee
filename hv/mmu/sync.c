/* SPDX-License-Identifier: MIT */
/* T:330 Keeping shadows true: comparing a table with the guest's after it was
 * written, and the flushes.
 *
 * A flush need not drop anything.  The CPU sets D in the shadow leaf through
 * which the guest writes a page-table page; every other way to write there
 * (the monitor's own writes, the switcher's alias, more than one mapping)
 * counts as dirty.  So a page that is not dirty still says what its shadows
 * say, and only dirty ones are compared. */
#include "guest_walk.h"

#include "hv/arch_if.h"

/* D first, then the comparison: a write after this shows up again. */
HV_INLINE void start_clean(struct shadow_mmu *m, struct gpage *p)
{
    gpage_track(m, p);
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
    uint32_t want = gpte & PT_P ? leaf_expected(m->guest, ent, gpte, hi) : 0;
    uint32_t have = (uint32_t)ent & PT_LOW & ~PT_D;

    if (!want) {
        leaf_zap(m, t, i);
        return;
    }
    if (want == have)
        return;
    if (!(want & PT_RW)) {
        leaf_gone(m, &m->guest->pages[owner_of(ent)], (uint32_t)ent);
        ent &= ~(uint64_t)PT_D;
        m->pin_gen += t->pinned;
    }
    t->ents[i] = (ent & ~(uint64_t)(PT_LOW & ~PT_D)) | want;
}

/* Of the leaves that bits name: those from the first one on that is wrong. Functions
 * of their own, for the sake of the registers. */
HV_INLINE uint32_t skip_right(const uint32_t *gents, const uint32_t *leaves,
                              uint32_t bits, bool pae)
{
    for (; bits; bits &= bits - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(bits);
        const uint32_t *e = gents + (pae ? k * 2 : k);

        if (hv_unlikely(!leaf_is_right(leaves + k * 2, *e) || (pae && e[1])))
            break;
    }
    return bits;
}

static HV_NOINLINE uint32_t skip_right_2level(const uint32_t *gents, const uint32_t *leaves,
                                              uint32_t bits)
{
    return skip_right(gents, leaves, bits, false);
}

static HV_NOINLINE uint32_t skip_right_pae(const uint32_t *gents, const uint32_t *leaves,
                                           uint32_t bits)
{
    return skip_right(gents, leaves, bits, true);
}

/* Words of leaves that stay as they are, between two preemption points: each leaf
 * some 25 instructions. */
#define LEAF_WORDS_A_STEP 8u

/* Leaves that are changed, or only about to be, before the next: some 100 each. */
#define CHANGES_A_STEP 32u

/* The guest's entries behind a table. */
HV_INLINE const uint32_t *guest_entries(struct guest *g, const struct shadow_table *t,
                                        bool pae)
{
    return table_half(gpage_known(g, t->key & KEY_GFN), t, pae);
}

HV_INLINE void resync_entries(struct shadow_mmu *m, struct shadow_table *t, bool pae)
{
    const uint32_t *gents = guest_entries(m->guest, t, pae);
    uint32_t changed = 0;

    for (uint32_t words = t->words, n = 1; words; words &= words - 1, n++) {
        uint32_t w = (uint32_t)__builtin_ctz(words), bits;
        const uint32_t *e, *leaves = (const uint32_t *)(t->ents + w * 32);

        if (hv_unlikely(n % LEAF_WORDS_A_STEP == 0)) {
            mmu_preempt_point(m);
            gents = guest_entries(m->guest, t, pae); /* the window may be gone */
        }
        bits = t->present[w];
        if (!bits)
            t->words &= ~(1u << w); /* it is time */
        e = gents + w * (pae ? 64 : 32);
        bits = pae ? skip_right_pae(e, leaves, bits) : skip_right_2level(e, leaves, bits);
        if (hv_likely(!bits))
            continue;
        for (; bits; bits &= bits - 1) {
            uint32_t k = (uint32_t)__builtin_ctz(bits);

            resync_leaf(m, t, w * 32 + k, e[pae ? k * 2 : k], pae ? e[k * 2 + 1] : 0);
            changed++;
        }
        if (changed >= CHANGES_A_STEP) {
            changed = 0;
            mmu_preempt_point(m); /* these leaves are done, the next not begun */
            gents = guest_entries(m->guest, t, pae);
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

    for (uint32_t words = t->words, n = 1; words; words &= words - 1, n++) {
        uint32_t w = (uint32_t)__builtin_ctz(words);

        if (n % WORDS_A_STEP == 0) /* all may be links to one table */
            mmu_preempt_point(m);
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

    start_clean(m, &m->guest->pages[gfn]);
    for (uint32_t n = 0; n < PAGE_TABLES && seen < total; n++) {
        struct shadow_table *t = table_of_page(m, gfn, n);

        if (!t)
            continue;
        seen++;
        if (t->key & KEY_L2) {
            m->dir_resyncs++;
            resync_l2(m, t);
        } else {
            resync_l1(m, t);
        }
        mmu_preempt_point(m); /* between tables */
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

    for (uint32_t words = pd->words, n = 1; words; words &= words - 1, n++) {
        uint32_t w = (uint32_t)__builtin_ctz(words);

        if (n % WORDS_A_STEP == 0)
            mmu_preempt_point(m);
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

/* t: the table, or NULL for a directory. A 2-level page has two in a row. */
static void watch_page(struct shadow_mmu *m, uint32_t key, struct shadow_table *t)
{
    struct watch_list *l = &m->watch;
    struct gpage *p = &m->guest->pages[key & KEY_GFN];
    struct watch *w = &l->page[l->nr];

    if ((key & KEY_LINEAR) || l->nr > WATCH_MAX)
        return;
    if (l->nr > 0 && w[-1].page == p) {
        if (t && w[-1].table[0] && w[-1].table[0] != t) {
            w[-1].table[1] = t;
            w[-1].shadows = 2 * GPAGE_PT_ONE;
        }
        return;
    }
    if (l->nr < WATCH_MAX)
        *w = (struct watch){p, dirty_witness(m, p), p->rmap, t ? GPAGE_PT_ONE : 0, {t, NULL}};
    l->nr++; /* one too many: the list is of no use */
}

/* Lists what the user half of the root is built from. */
static void watch_root(struct shadow_mmu *m, const struct shadow_root *r, uint32_t end)
{
    struct watch_list *l = &m->watch;

    l->nr = 0;
    l->root = NULL;
    for (uint32_t top = 0; top * ENTRIES < end; top++) {
        if (r->pd[top])
            watch_page(m, r->pd[top]->key, NULL);
    }
    for (uint32_t top = 0; top * ENTRIES < end; top++) {
        const struct shadow_table *pd = r->pd[top];

        for (uint32_t words = pd ? pd->words : 0, n = 1; words; words &= words - 1, n++) {
            uint32_t w = (uint32_t)__builtin_ctz(words);

            if (l->nr > WATCH_MAX)
                return;
            if (n % WORDS_A_STEP == 0)
                mmu_preempt_point(m);
            for (uint32_t bits = pd->present[w]; bits; bits &= bits - 1) {
                uint32_t i = w * 32 + (uint32_t)__builtin_ctz(bits);
                struct shadow_table *t = table_of(pd->ents[i]);

                if (top * ENTRIES + i < end)
                    watch_page(m, t->key, t);
            }
        }
    }
    if (l->nr <= WATCH_MAX)
        l->root = r;
}

/* About so many leaves are compared between two preemption points. */
#define LEAVES_A_STEP 256

/* A page that was, or may have been, written. */
static void resync_watched(struct shadow_mmu *m, struct watch *w)
{
    if (hv_likely((w->page->frame & GPAGE_PT) == w->shadows)) {
        start_clean(m, w->page);
        resync_l1(m, w->table[0]);
        if (w->table[1])
            resync_l1(m, w->table[1]);
    } else {
        resync_page(m, (uint32_t)(w->page - m->guest->pages));
    }
    if (w->rmap != w->page->rmap) {
        w->ent = dirty_witness(m, w->page);
        w->rmap = w->page->rmap;
    }
}

/* The same for what small programs have: one table of the page, its leaves in one word,
 * and all of them right, as most are that were announced. The page's rmap is as listed.
 * false: it is not so. Nothing that a full comparison needs is lost. */
HV_INLINE bool resync_small(struct shadow_mmu *m, const struct watch *w, bool pae)
{
    const struct shadow_table *t = w->table[0];
    struct gpage *p = w->page;
    uint32_t frame = p->frame, word;
    const uint32_t *gents;

    if (hv_unlikely(!t || (frame & (GPAGE_PT | GPAGE_REMEMBERED)) != GPAGE_PT_ONE ||
                    (t->words & (t->words - 1)) || !t->words ||
                    !frame_is_direct(gpage_frame(p))))
        return false;
    p->frame = frame & ~GPAGE_DIRTY;
    if ((w->rmap & RMAP_COUNT) == 1)
        *(uint64_t *)(uintptr_t)w->ent &= ~(uint64_t)PT_D;
    m->resyncs++;
    word = (uint32_t)__builtin_ctz(t->words);
    gents = table_half(frame_ptr(gpage_frame(p)), t, pae);
    gents += word * (pae ? 64 : 32);
    return !(pae ? skip_right_pae(gents, (uint32_t *)(t->ents + word * 32), t->present[word])
                 : skip_right_2level(gents, (uint32_t *)(t->ents + word * 32),
                                     t->present[word]));
}

/* So many leaves were compared, and the next table has not been begun. false:
 * interrupts were let in, and the list is of no use any more. */
HV_INLINE bool flush_step(struct shadow_mmu *m, const struct shadow_root *r, int32_t leaves)
{
    m->may_compare -= leaves;
    if (hv_likely(m->may_compare >= 0))
        return true;
    m->may_compare = LEAVES_A_STEP;
    mmu_preempt_point(m);
    return m->watch.root == r;
}

/* The flush by the list: true if that was all. Comparing a table changes leaves
 * only; a directory that was written, or a link that goes, needs the long way. */
HV_INLINE bool flush_watched(struct shadow_mmu *m, const struct shadow_root *r, bool pae)
{
    struct watch *w = m->watch.page, *end = w + m->watch.nr;

    for (; w != end; w++) {
        if (hv_likely(w->page->rmap == w->rmap)) {
            if (hv_likely(witness_is_clean(w->page, w->ent, w->rmap)))
                continue;
            if (hv_likely(resync_small(m, w, pae))) {
                if (!flush_step(m, r, 32))
                    return false;
                continue;
            }
        }
        if (!w->table[0])
            return false;
        resync_watched(m, w);
        if (!flush_step(m, r, w->table[0]->words & (w->table[0]->words - 1)
                                  ? LEAVES_A_STEP : LEAVES_A_STEP / 4) ||
            m->watch.root != r)
            return false;
    }
    return true;
}

/* A table that was clean so often is put to rest: writing there costs a fault then. */
#ifdef HV_HOST_TEST
#define IDLE_FLUSHES 2u /* random guests are to come here often */
#else
#define IDLE_FLUSHES 16u
#endif

static HV_NOINLINE void flush_user_slow(struct shadow_mmu *m, struct shadow_root *r,
                                        uint32_t end)
{
    for (uint32_t top = 0; top * ENTRIES < end; top++) {
        if (!r->pd[top] || !r->pd[top]->words)
            continue;
        resync_if_dirty(m, r->pd[top]->key);
        if (r->pd[top])
            resync_below(m, r, top, hv_min_u32(end - top * ENTRIES, ENTRIES));
    }
    watch_root(m, r, end);
}

/* PAE: a load of CR3 would read the four top-level entries. */
HV_INLINE void reload_if_changed(struct shadow_mmu *m, struct shadow_root *r)
{
    if (!(hv_likely(r->words != NULL) && hv_likely(top_words_same(r, r->words))))
        root_reload_pdptes(m, r);
}

void shadow_flush_user(struct vcpu *v)
{
    struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;
    struct shadow_root *r = v->root;
    uint32_t pins = m->pin_gen;
    bool done;

    if (g->linear)
        return;
    if (g->pae) {
        reload_if_changed(m, r);
        done = m->watch.root == r && flush_watched(m, r, true);
    } else {
        done = m->watch.root == r && flush_watched(m, r, false);
    }
    if (hv_unlikely(!done))
        flush_user_slow(m, r, g->kernel_address >> 21);
    if (m->pin_gen != pins)
        shadow_check_pin(v);
}

/* Comparing a page may end tables, which are then loose no longer. */
static void flush_chunk(struct shadow_mmu *m, uint32_t c)
{
    uint32_t left = m->chunks[c]->loose;

    while ((left &= m->chunks[c]->loose) != 0) {
        struct shadow_table *t = &m->chunks[c]->table[__builtin_ctz(left)];
        uint32_t gfn = t->key & KEY_GFN;

        left &= left - 1;
        if (gpage_is_dirty(m, &m->guest->pages[gfn])) {
            t->idle = 0;
            if (hv_likely((m->guest->pages[gfn].frame & GPAGE_PT) == GPAGE_PT_ONE &&
                          !(t->key & KEY_L2))) {
                start_clean(m, &m->guest->pages[gfn]);
                resync_l1(m, t);
                mmu_preempt_point(m); /* between tables */
            } else {
                resync_page(m, gfn);
            }
        } else if (++t->idle == IDLE_FLUSHES) {
            t->idle = 0;
            quiet_begin(m, gfn);
        }
    }
}

/* A kernel that maps a page for a while writes an entry where it has cleared one, and
 * all it says is FLUSH_TLB(1): the leaf is put in before it faults. */
static HV_NOINLINE void fill_mapped(struct shadow_mmu *m)
{
    struct shadow_table *t = m->kernel.table;
    bool pae = m->guest->pae;
    const uint32_t *e = guest_entries(m->guest, t, pae);
    uint32_t i = m->kernel.cleared, gpte;

    if (i < ENTRIES && entry_present(t, i))
        i--; /* it is mapped: a second one goes below */
    if (i >= ENTRIES || entry_present(t, i))
        return;
    e += pae ? i * 2 : i;
    gpte = hv_read_once(*e);
    if ((gpte & (PT_P | PT_A | PT_PS)) != (PT_P | PT_A) || gpte > m->gpte_last ||
        (pae && e[1]))
        return;
    if (leaf_put((uint32_t *)(t->ents + i), &m->guest->pages[gpte >> HV_PAGE_SHIFT], gpte,
                 rmap_one(t, i)))
        mark_present(t, i);
}

void shadow_flush_all(struct vcpu *v)
{
    struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;

    if (g->linear)
        return;
    if (g->pae)
        reload_if_changed(m, v->root); /* the others when they are loaded */
    for (uint32_t c = 0; c < m->nr_chunks; c++) {
        if (!m->chunks[c]->loose)
            continue;
        flush_chunk(m, c);
        mmu_preempt_point(m); /* all may have come to rest at once */
    }
    if (m->kernel.region != LINK_NONE)
        fill_mapped(m);
    shadow_check_pin(v);
}
