/* SPDX-License-Identifier: MIT */
/* T:300 The shadow cache: pool, hash, links, roots.  See mmu.h for the rules.  A
 * free table is always all zero, so taking one costs nothing and giving one
 * back costs what is in it. */
#include "guest_walk.h"

#include "hv/arch_if.h"
#include "hv/gmem.h"
#include "hv/log.h"

/* Tables per guest: enough for its RAM mapped once plus room for user tables. */
static uint32_t pool_limit(const struct guest *g)
{
    return 192 + g->ram_pages / 64;
}

static uint32_t hash_of(uint32_t key)
{
    return (key ^ (key >> 8) ^ (key >> 15)) & (HASH_BUCKETS - 1);
}

/* The table with this key, or NULL; *others: how many of its bucket come before. */
HV_INLINE struct shadow_table *chain_find(const struct shadow_mmu *m, uint32_t key,
                                          uint32_t *others)
{
    uint32_t id = m->hash[hash_of(key)];

    for (*others = 0; id; (*others)++) {
        struct shadow_table *t = table_by_id(m, id);

        if (t->key == key)
            return t;
        id = t->hash_next;
    }
    return NULL;
}

struct shadow_table *table_find(const struct shadow_mmu *m, uint32_t key)
{
    uint32_t others;

    return chain_find(m, key, &others);
}

static void hash_remove(struct shadow_mmu *m, struct shadow_table *t)
{
    uint16_t *at = &m->hash[hash_of(t->key)];

    while (*at != t->id)
        at = &table_by_id(m, *at)->hash_next;
    *at = t->hash_next;
}

static bool add_chunk(struct shadow_mmu *m)
{
    struct table_chunk *c;

    if (m->nr_chunks == MAX_CHUNKS)
        return false;
    _Static_assert(sizeof(*c) <= 4096, "chunk");
    c = pmm_alloc_page();
    if (!c)
        return false;
    for (uint32_t i = 0; i < CHUNK_TABLES; i++)
        c->table[i].id = (uint16_t)(m->nr_chunks * CHUNK_TABLES + i);
    m->chunks[m->nr_chunks++] = c;
    return true;
}

/* A free table with its page, all zero. */
static struct shadow_table *pool_take(struct shadow_mmu *m)
{
    struct shadow_table *t;

    if (m->nr_tables >= m->nr_tables_max)
        return NULL;
    if (m->free_ids) {
        t = table_by_id(m, m->free_ids);
        m->free_ids = t->hash_next;
        m->nr_tables++;
        return t;
    }
    if (m->nr_pages + 1 >= m->nr_chunks * CHUNK_TABLES && !add_chunk(m))
        return NULL;
    t = table_by_id(m, m->nr_pages + 1); /* id 0 is never used */
    t->ents = pmm_alloc_page();
    if (!t->ents)
        return NULL;
    frame_owner[(uintptr_t)t->ents >> HV_PAGE_SHIFT] = (uintptr_t)t;
    m->nr_pages++;
    m->nr_tables++;
    return t;
}

static void pool_give(struct shadow_mmu *m, struct shadow_table *t)
{
    t->key = 0;
    t->hash_next = m->free_ids;
    m->free_ids = t->id;
    m->nr_tables--;
}

struct shadow_table *table_get(struct shadow_mmu *m, uint32_t key)
{
    uint32_t bucket = hash_of(key), others;
    struct shadow_table *t = chain_find(m, key, &others);

    if (t)
        return t;
    t = others < CHAIN_MAX ? pool_take(m) : NULL;
    if (!t)
        return NULL;
    t->key = key;
    t->links = 0;
    t->hash_next = m->hash[bucket];
    m->hash[bucket] = t->id;
    if (!(key & KEY_LINEAR)) {
        struct gpage *p = &m->guest->pages[key & KEY_GFN];

        mmu_assert(!gpage_is_untouched(p));
        /* Tracked already if another shadow of the page lives: then what was
         * written since must stay visible for that one. */
        if (!(p->frame & GPAGE_PT))
            gpage_track(m, p);
        p->frame += GPAGE_PT_ONE;
        set_loose(m, t->id, true);
        t->idle = 0;
        quiet_end(m, key & KEY_GFN);
    }
    if (key & KEY_SWITCHER)
        t->ents[SWITCHER_ENTRY] = arch_switcher_pt().v | PT_P | PT_RW | PT_A;
    return t;
}

/* 32 leaves of a table whose presence bits are in one word. */
static HV_NOINLINE void leaves_free(struct shadow_mmu *m, struct shadow_table *t, uint32_t w)
{
    struct gpage *pages = m->guest->pages;
    uint64_t *ents = t->ents + w * 32;
    uint32_t one = rmap_one(t, w * 32);

    for (uint32_t bits = t->present[w]; bits; bits &= bits - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(bits);
        struct gpage *p = &pages[owner_of(ents[k])];

        leaf_gone(m, p, (uint32_t)ents[k]);
        rmap_del(p, one + k * RMAP_NEXT);
        ents[k] = 0;
    }
    t->present[w] = 0;
    m->pin_gen += t->pinned;
}

static void table_free(struct shadow_mmu *m, struct shadow_table *t)
{
    for (uint32_t n = 1; t->words; t->words &= t->words - 1, n++) {
        uint32_t w = (uint32_t)__builtin_ctz(t->words);

        if (n % WORDS_A_STEP == 0)
            mmu_preempt_point(m);
        if (!(t->key & KEY_L2))
            leaves_free(m, t, w);
        while (t->present[w])
            dir_zap(m, t, w * 32 + (uint32_t)__builtin_ctz(t->present[w]));
    }
    t->ents[SWITCHER_ENTRY] = 0;
    t->pinned = 0;
    hash_remove(m, t);
    if (!(t->key & KEY_LINEAR)) {
        struct gpage *p = &m->guest->pages[t->key & KEY_GFN];

        p->frame -= GPAGE_PT_ONE;
        if (!(p->frame & GPAGE_PT))
            p->frame |= GPAGE_OURS;
        set_loose(m, t->id, false);
    }
    pool_give(m, t);
    mmu_preempt_point(m); /* everything is consistent between tables */
}

void table_unlink(struct shadow_mmu *m, struct shadow_table *t)
{
    mmu_assert(t->links > 0);
    if (--t->links == 0)
        table_free(m, t);
}

void dir_zap(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i)
{
    struct shadow_table *t = table_of(pd->ents[i]);

    cache_drop(m);
    links_changed(m);
    pd->ents[i] = 0;
    mark_absent(pd, i);
    table_unlink(m, t);
}

/* ---- roots ---- */

/* The only candidate that is looked at without a search. */
HV_INLINE struct shadow_root *root_hinted(struct shadow_mmu *m, uint32_t gcr3)
{
    return m->root_hint[(gcr3 >> HV_PAGE_SHIFT) % MAX_ROOTS];
}

struct shadow_root *root_find(struct shadow_mmu *m, uint32_t gcr3)
{
    struct shadow_root **hint = &m->root_hint[(gcr3 >> HV_PAGE_SHIFT) % MAX_ROOTS];

    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        if (m->roots[i].gcr3 == gcr3 && m->roots[i].in_use) {
            *hint = &m->roots[i];
            return &m->roots[i];
        }
    }
    return NULL;
}

void root_set_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i,
                 struct shadow_table *pd)
{
    cache_drop(m);
    links_changed(m);
    pd->links++;
    if (r->pd[i])
        root_drop_pd(m, r, i);
    r->pd[i] = pd;
    r->pdpt[i] = (uintptr_t)pd->ents | PT_P;
}

void root_drop_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i)
{
    struct shadow_table *pd = r->pd[i];

    r->pd[i] = NULL;
    r->pdpt[i] = 0;
    r->raw[i] = 0;
    cache_drop(m);
    links_changed(m);
    if (pd)
        table_unlink(m, pd);
}

void root_release(struct shadow_mmu *m, struct shadow_root *r)
{
    for (uint32_t i = 0; i < 4; i++)
        root_drop_pd(m, r, i);
    r->in_use = false;
    r->gcr3 = NO_CR3;
    r->top_ent = &always_dirty;
    r->has_seen = false;
    r->words = NULL;
}

static struct shadow_root *root_oldest(struct shadow_mmu *m,
                                       const struct shadow_root *but)
{
    struct shadow_root *old = NULL;

    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        struct shadow_root *r = &m->roots[i];

        if (r->in_use && r != but &&
            (!old || (int32_t)(r->used_stamp - old->used_stamp) < 0))
            old = r;
    }
    return old;
}

/* The top directory that every root has, for the switcher's sake: the guest's
 * own where the key is known by now, else one that shadows nothing. */
static bool root_add_top(struct shadow_mmu *m, struct shadow_root *r)
{
    struct guest *g = m->guest;
    struct shadow_table *pd = m->filler;

    if (g->linear)
        pd = table_get(m, LINEAR_TOP_KEY);
    else if (!g->pae)
        pd = table_get(m, l2_key(g, r->gcr3 >> HV_PAGE_SHIFT, 0xc0000000u));
    if (!pd)
        return false;
    root_set_pd(m, r, 3, pd);
    return true;
}

struct shadow_root *root_make(struct vcpu *v, uint32_t gcr3)
{
    struct shadow_mmu *m = v->guest->mmu;

    for (;;) {
        struct shadow_root *r = NULL;

        for (uint32_t i = 0; i < MAX_ROOTS && !r; i++) {
            if (!m->roots[i].in_use)
                r = &m->roots[i];
        }
        if (!r) {
            m->evictions++;
            root_release(m, root_oldest(m, v->root));
            continue;
        }
        r->gcr3 = v->guest->linear ? NO_CR3 : gcr3;
        m->no_root = NO_CR3;
        links_changed(m);
        if (!v->guest->linear)
            (void)gmem_frame(v->guest, gpa_to_gfn(GPA(gcr3)));
        r->top = &v->guest->pages[gcr3 >> HV_PAGE_SHIFT];
        r->top_rmap = 0;
        r->top_ent = &always_dirty;
        r->has_seen = false;
        r->words = NULL;
        r->in_use = true;
        r->pin_gen = m->pin_gen - 1;
        memset(r->raw, 0, sizeof(r->raw));
        if (root_add_top(m, r))
            return r;
        r->in_use = false;
        r->gcr3 = NO_CR3;
        pool_make_room(v);
    }
}

void pool_make_room(struct vcpu *v)
{
    struct shadow_mmu *m = v->guest->mmu;
    struct shadow_root *old = root_oldest(m, v->root);

    if (old) {
        m->evictions++;
        root_release(m, old);
        return;
    }
    /* Only the current root is left and still there is no room: start again
     * with it empty. A guest that does this all the time pays for it with its
     * own time slices; the counter shows it. */
    m->drops++;
    for (uint32_t i = 0; i < 4; i++) {
        if (v->root && v->root->pd[i] && i != 3)
            root_drop_pd(m, v->root, i);
    }
    if (v->root && v->root->pd[3]) {
        struct shadow_table *pd = v->root->pd[3];

        for (uint32_t i = 0; i < ENTRIES; i++) {
            if (entry_present(pd, i))
                dir_zap(m, pd, i);
            if (i % (32 * WORDS_A_STEP) == 0)
                mmu_preempt_point(m);
        }
    }
    v->todo |= VCPU_TODO_PIN;
}

static void use_root(struct vcpu *v, struct shadow_root *r)
{
    v->root = r;
    cache_forget_of(v, v->guest->mmu);
    r->used_stamp = ++v->guest->mmu->stamp;
    v->arch.cr3 = r->hcr3;
    shadow_check_pin(v);
}

void shadow_drop_all(struct vcpu *v)
{
    struct shadow_mmu *m = v->guest->mmu;
    uint32_t gcr3 = v->guest->linear ? 0 : v->root->gcr3;

    v->root = NULL;
    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        if (m->roots[i].in_use)
            root_release(m, &m->roots[i]);
    }
    use_root(v, root_make(v, gcr3));
}

/* ---- creation ---- */

/* So many pages a guest can always count on: one access never needs more, so
 * recycling works however little memory the machine has left. */
#define POOL_PREFILL 16u

static bool pool_prefill(struct shadow_mmu *m)
{
    struct shadow_table *t[POOL_PREFILL];

    for (uint32_t i = 0; i < POOL_PREFILL; i++) {
        t[i] = pool_take(m);
        if (!t[i])
            return false;
    }
    for (uint32_t i = 0; i < POOL_PREFILL; i++)
        pool_give(m, t[i]);
    return true;
}

int shadow_create(struct guest *g)
{
    struct shadow_mmu *m = pmm_alloc_page();

    _Static_assert(sizeof(struct shadow_mmu) <= 4096, "one page");
    if (!m)
        return -HV_ENOMEM;
    g->mmu = m;
    m->guest = g;
    m->gpte_last = (g->limit_pages << HV_PAGE_SHIFT) - 1;
    m->nr_tables_max = pool_limit(g);
    m->pdpt_page = pmm_alloc_page();
    if (!m->pdpt_page || !add_chunk(m) || !pool_prefill(m))
        return -HV_ENOMEM;
    m->filler = table_get(m, KEY_FILLER);
    m->filler->links = 1;
    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        m->roots[i].pdpt = m->pdpt_page + i * 4;
        m->roots[i].top = &g->pages[0];
        m->roots[i].top_ent = &always_dirty;
        m->root_hint[i] = &m->roots[0];
        m->roots[i].gcr3 = NO_CR3;
        m->roots[i].hcr3 = (uint32_t)(uintptr_t)m->roots[i].pdpt;
    }
    for (uint32_t i = 0; i <= LINKS; i++) {
        m->links[i].mmu = m;
        m->links[i].pages = g->pages;
        m->links[i].gpte_last = m->gpte_last;
    }
    g->vcpu->writable = &m->writable;
    use_root(g->vcpu, root_make(g->vcpu, g->boot_pgdir));
    return 0;
}

void shadow_destroy(struct guest *g)
{
    struct shadow_mmu *m = g->mmu;

    if (!m)
        return;
    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        if (m->roots[i].in_use)
            root_release(m, &m->roots[i]);
    }
    if (m->filler)
        table_unlink(m, m->filler);
    for (uint32_t id = 1; id <= m->nr_pages; id++) {
        pmm_free_page(table_by_id(m, id)->ents);
        if (id % 64 == 0)
            mmu_preempt_point(m);
    }
    for (uint32_t i = 0; i < m->nr_chunks; i++)
        pmm_free_page(m->chunks[i]);
    if (m->pdpt_page)
        pmm_free_page(m->pdpt_page);
    pmm_free_page(m);
    g->mmu = NULL;
}

uint32_t shadow_overhead_frames(const struct guest *g)
{
    return g->mmu ? g->mmu->nr_pages + g->mmu->nr_chunks + 2 : 0;
}

void shadow_print(struct guest *g)
{
    const struct shadow_mmu *m = g->mmu;

    log_raw("  shadow: %u tables of at most %u, %u pages, %u evictions, "
            "%u restarts, %u pages and %u directories compared\n",
            m->nr_tables, m->nr_tables_max, m->nr_pages, m->evictions, m->drops,
            m->resyncs, m->dir_resyncs);
}

/* ---- NEW_PGTABLE ---- */

HV_INLINE const volatile uint32_t *top_entries(const struct shadow_root *r)
{
    return (const volatile uint32_t *)frame_ptr(gpage_frame(r->top)) +
           (r->gcr3 & HV_PAGE_MASK) / 4;
}

/* Remembers for the next time how to tell that the top level is what it was: where
 * the one mapping of its page is, or the four entries of PAE, as they were used where a
 * directory is linked. */
static void remember_top(struct shadow_mmu *m, struct shadow_root *r)
{
    if (m->guest->pae) {
        const volatile uint32_t *e = top_entries(r);

        for (uint32_t i = 0; i < 4; i++)
            r->seen[i] = r->raw[i] ? r->raw[i] : e[i * 2];
        r->has_seen = !(e[1] | e[3] | e[5] | e[7]);
        r->words = r->has_seen && frame_is_direct(gpage_frame(r->top)) ? e : NULL;
        return;
    }
    r->top_rmap = r->top->rmap;
    r->top_ent = dirty_witness(m, r->top);
}

HV_INLINE bool top_is_same(const struct shadow_root *r)
{
    return r->has_seen && top_words_same(r, top_entries(r));
}

/* PAE: the CPU would read the four top-level entries now (SDM 3A 4.4.1). */
void root_reload_pdptes(struct shadow_mmu *m, struct shadow_root *r)
{
    if (hv_likely(top_is_same(r)))
        return;
    for (uint32_t i = 0; i < 4; i++) {
        /* Afresh each time: root_drop_pd() lets interrupts in, and what they do
         * may need the window. */
        const volatile uint32_t *e = top_entries(r);

        if (hv_unlikely(r->raw[i] != e[i * 2] || e[i * 2 + 1]) && r->raw[i]) {
            root_drop_pd(m, r, i);
            if (i == 3)
                root_set_pd(m, r, 3, m->filler);
        }
    }
    remember_top(m, r);
}

static void leave_linear_mode(struct vcpu *v, uint32_t gcr3)
{
    struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;

    v->root = NULL;
    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        if (m->roots[i].in_use)
            root_release(m, &m->roots[i]);
    }
    g->linear = false;
    use_root(v, root_make(v, gcr3));
}

static HV_NOINLINE void new_pgtable_slow(struct vcpu *v, uint32_t gcr3)
{
    struct guest *g = v->guest;
    struct shadow_root *r;

    if ((gcr3 >> HV_PAGE_SHIFT) >= g->limit_pages ||
        (gcr3 & (g->pae ? 31u : HV_PAGE_MASK))) {
        guest_kill(g, "bad page directory address %#x", gcr3);
        return;
    }
    if (g->linear) {
        leave_linear_mode(v, gcr3);
        return;
    }
    r = root_find(g->mmu, gcr3);
    if (!r)
        r = root_make(v, gcr3);
    else if (g->pae)
        root_reload_pdptes(g->mmu, r);
    else if (gpage_is_dirty(g->mmu, r->top))
        resync_page(g->mmu, gcr3 >> HV_PAGE_SHIFT);
    use_root(v, r);
    remember_top(g->mmu, r);
    mmu_preempt_point(g->mmu); /* its page may have been touched, 64 times in the ring */
}

/* A cached root is looked up, not flushed: its tables are up to date unless the
 * top-level page itself was written. */
void shadow_new_pgtable(struct vcpu *v, uint32_t gcr3)
{
    struct guest *g = v->guest;
    struct shadow_mmu *m = g->mmu;
    struct shadow_root *r = root_hinted(m, gcr3);

    if (hv_likely(r->gcr3 == gcr3 && (witness_is_clean(r->top, r->top_ent, r->top_rmap) ||
                                      top_is_same(r)))) {
        cache_forget_of(v, m);
        r->used_stamp = ++m->stamp;
        v->root = r;
        v->arch.cr3 = r->hcr3;
        check_pin(v, m, r);
        return;
    }
    new_pgtable_slow(v, gcr3);
}
