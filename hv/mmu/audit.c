/* SPDX-License-Identifier: MIT */
/* audit=N: the reference check of the shadow.  Everything that is derived is
 * derived again here, slowly, from the guest's tables and from the shadow
 * entries themselves, and compared; it shares data with what it checks, and no code. */
#include "audit.h"

#include "hv/arch_if.h"

void audit_differs(struct audit *a, const struct shadow_table *t, uint32_t i,
                   const char *what)
{
    if (a->bad++ < 8)
        log_error("audit %s: table %u key %#x entry %u: %s (shadow %#llx)",
                  a->g->config.name, t->id, t->key, i, what,
                  (unsigned long long)t->ents[i]);
}

void audit_wrong(struct audit *a, const char *what, uint32_t where)
{
    if (a->bad++ < 8)
        log_error("audit %s: %s (%#x)", a->g->config.name, what, where);
}

static struct shadow_table *table_nr(const struct audit *a, uint32_t id)
{
    return &a->m->chunks[id / CHUNK_TABLES]->table[id % CHUNK_TABLES];
}

/* A page that may have been written since the last comparison may differ: it is marked,
 * or has several leaves, or its one leaf has D. */
static bool may_differ(const struct audit *a, const struct shadow_table *t)
{
    const struct gpage *p = &a->g->pages[t->key & KEY_GFN];
    uint32_t number = p->maps >> 10;

    if ((p->word >> 24 & 3) || (p->maps & 0xff) > 1)
        return true;
    return (p->maps & 0xff) && (table_nr(a, number >> 9)->ents[number & 511] >> 6 & 1);
}

static bool has_entry(const struct shadow_table *t, uint32_t i)
{
    return t->present[i >> 5] >> (i & 31) & 1;
}

static uint32_t read_guest(const struct audit *a, const struct shadow_table *t,
                           uint32_t i, uint32_t *hi)
{
    const uint8_t *page = frame_ptr(HFN(a->g->pages[t->key & KEY_GFN].word & 0xffffff));
    uint32_t q = (t->key >> 20) & 3, lo;

    *hi = 0;
    if (a->g->pae) {
        memcpy(&lo, page + i * 8, 4);
        memcpy(hi, page + i * 8 + 4, 4);
    } else if (t->key & KEY_L2) {
        memcpy(&lo, page + (q * 256 + i / 2) * 4, 4);
    } else {
        memcpy(&lo, page + (q * 512 + i) * 4, 4);
    }
    return lo;
}

/* rmap: sums of the mappings that are found. */
static void check_leaf(struct audit *a, struct shadow_table *t, uint32_t i, uint32_t *rmap)
{
    uint64_t ent = t->ents[i];
    uint32_t hfn = (uint32_t)(ent >> 12), gfn, lo, hi;

    if ((ent >> 36) || (ent & 0x198))
        audit_differs(a, t, i, "reserved, cache or global bits");
    gfn = hfn < pmm_frame_limit() ? (uint32_t)frame_owner[hfn] : 0xffffffffu;
    if (gfn >= a->g->limit_pages || (a->g->pages[gfn].word & 0xffffff) != hfn) {
        audit_differs(a, t, i, "frame that is not the guest's");
        return;
    }
    rmap[gfn] += ((uint32_t)t->id << 9 | i) << 10 | 1;
    if ((ent & 2) && !(a->g->pages[gfn].word >> 26 & 1))
        audit_differs(a, t, i, "writable, and its page is a table at rest");
    if (t->key & KEY_LINEAR) {
        if (gfn != (t->key & KEY_GFN) + i)
            audit_differs(a, t, i, "linear address that is not physical");
        return;
    }
    if (may_differ(a, t))
        return;
    lo = read_guest(a, t, i, &hi);
    if (!(lo & 1) || !(lo & 0x20))
        audit_differs(a, t, i, "guest entry absent or A clear");
    else if (lo >> 12 != gfn || hi)
        audit_differs(a, t, i, "another page than the guest's entry");
    else if ((ent & 2) && (lo & 0x42) != 0x42)
        audit_differs(a, t, i, "writable without RW and D");
    else if ((ent & 4) != (lo & 4))
        audit_differs(a, t, i, "US");
}

static void check_dir(struct audit *a, struct shadow_table *t, uint32_t i,
                      uint16_t *links)
{
    uint64_t ent = t->ents[i];
    struct shadow_table *to = NULL;
    uint32_t lo, hi;

    for (uint32_t id = 1; id <= a->m->nr_pages && !to; id++) {
        if ((uintptr_t)table_nr(a, id)->ents == (ent & ~0xfffull))
            to = table_nr(a, id);
    }
    if (!to || frame_owner[(uint32_t)(ent >> 12)] != (uintptr_t)to) {
        audit_differs(a, t, i, "link to no table");
        return;
    }
    links[to->id]++;
    if ((ent >> 36) || (ent & 0xf98) || !(to->key & KEY_L2) != !!(t->key & KEY_L2))
        audit_differs(a, t, i, "reserved bits, or a link to a directory");
    if ((t->key & KEY_SWITCHER) && i >= RESERVED_ENTRY)
        audit_differs(a, t, i, "link in the switcher's range");
    if ((t->key | to->key) & KEY_LINEAR)
        return;
    if (may_differ(a, t))
        return;
    lo = read_guest(a, t, i, &hi);
    if (!(lo & 1) || !(lo & 0x20) || lo >> 12 != (to->key & KEY_GFN))
        audit_differs(a, t, i, "link that the guest's directory does not have");
    else if ((ent & 6) != (lo & 6))
        audit_differs(a, t, i, "rights of a directory entry");
    else if (!a->g->pae && ((to->key >> 20) & 3) != (i & 1))
        audit_differs(a, t, i, "quadrant");
}

/* A flush of everything looks at it, or nobody can write there unseen. */
static void check_rest(struct audit *a, struct shadow_table *t)
{
    const struct shadow_table *at = a->m->awake;
    bool awake = t->awake;
    uint32_t word;

    while (at && at != t)
        at = at->awake_next;
    if (t->listed != (at != NULL) || (awake && !at))
        audit_differs(a, t, 0, "list of those that are awake");
    if (!t->links || (t->key & KEY_LINEAR)) {
        if (awake)
            audit_differs(a, t, 0, "awake, and not in use or of no page");
        return;
    }
    word = a->g->pages[t->key & KEY_GFN].word;
    if (awake != (word >> 26 & 1)) {
        audit_differs(a, t, 0, "looked at and at rest, or neither");
    } else if (!awake && (word >> 24 & 3)) {
        audit_differs(a, t, 0, "at rest, and written");
    }
}

static void check_tables(struct audit *a, uint32_t *rmap, uint16_t *links,
                         uint8_t *shadows)
{
    for (uint32_t id = 1; id <= a->m->nr_pages; id++) {
        struct shadow_table *t = table_nr(a, id);

        for (uint32_t i = 0; i < ENTRIES; i++) {
            bool sw = (t->key & KEY_SWITCHER) && i == SWITCHER_ENTRY;

            if (sw && (t->ents[i] & ~0xfffull) != arch_switcher_pt().v)
                audit_differs(a, t, i, "switcher entry lost");
            if (((t->ents[i] & 1) != 0) != (sw || has_entry(t, i)))
                audit_differs(a, t, i, "presence bitmap");
            if (i % 32 == 0 && (t->groups >> (i / 32) & 1) != (t->present[i / 32] != 0))
                audit_differs(a, t, i, "bitmap of groups");
            if (!(t->ents[i] & 1) && t->ents[i])
                audit_differs(a, t, i, "absent entry with a payload");
            if (!(t->ents[i] & 1) || sw)
                continue;
            if (t->key & KEY_L2)
                check_dir(a, t, i, links);
            else
                check_leaf(a, t, i, rmap);
        }
        check_rest(a, t);
        if (t->links && !(t->key & KEY_LINEAR))
            shadows[t->key & KEY_GFN]++;
    }
}

static bool is_empty(const struct shadow_table *t)
{
    for (uint32_t i = 0; i < ENTRIES; i++) {
        if (t->ents[i])
            return false;
    }
    return true;
}

/* Every table that is in use is found by what it stands for, and the others are free. */
static void check_pool(struct audit *a)
{
    const struct shadow_mmu *m = a->m;
    uint32_t used = 0, found = 0, unused = 0;

    for (uint32_t id = 1; id <= m->nr_pages; id++) {
        const struct shadow_table *t = table_nr(a, id);

        used += t->links != 0;
        if (!t->links && (t->key || t->pinned || !is_empty(t)))
            audit_wrong(a, "a free table that is not empty", id);
    }
    for (uint32_t c = 0; c < HASH_BUCKETS; c++) {
        for (uint32_t id = m->chains[c]; id && found <= used; found++) {
            const struct shadow_table *t = table_nr(a, id);

            if (!t->links || ((t->key ^ t->key >> 8 ^ t->key >> 15) & 255) != c)
                audit_wrong(a, "a table in a chain that is not its own", id);
            id = t->chain_next;
        }
    }
    if (found != used)
        audit_wrong(a, "a table that is not found", found);
    for (uint32_t id = m->free_ids; id && unused <= m->nr_pages; unused++)
        id = table_nr(a, id)->chain_next;
    if (used != m->nr_tables || used + unused != m->nr_pages)
        audit_wrong(a, "tables that are neither used nor free", m->nr_pages - used - unused);
}

/* A page that was touched has a frame, which is its own; one that was not has nothing. */
static void check_frame(struct audit *a, uint32_t p)
{
    const struct gpage *page = &a->g->pages[p];
    uint32_t frame = page->word & 0xffffff;

    if (frame == 0) {
        if (page->word || page->maps)
            audit_wrong(a, "an untouched page with flags or mappings", p);
        return;
    }
    if (frame >= pmm_frame_limit() || frame_owner[frame] != p)
        audit_wrong(a, "a page whose frame is another's", p);
    else if (!(a->g->touched_chunks[p >> 14] >> (p >> 9 & 31) & 1))
        audit_wrong(a, "a touched page that teardown would not find", p);
}

/* rmap, shadows: as they were found in the tables. */
static void check_pages(struct audit *a, const uint32_t *rmap, const uint8_t *shadows)
{
    const struct guest *g = a->g;
    uint32_t untouched = 0;

    for (uint32_t p = 0; p < g->limit_pages; p++) {
        uint32_t have = g->pages[p].maps;

        if ((have & 0xff) != 0xff && have != rmap[p] && a->bad++ < 8)
            log_error("audit %s: page %#x: reverse map %#x, should be %#x",
                      g->config.name, p, have, rmap[p]);
        if (g->pages[p].word >> 28 != shadows[p] && a->bad++ < 8)
            log_error("audit %s: page %#x: %u shadows counted, %u there",
                      g->config.name, p, g->pages[p].word >> 28, shadows[p]);
        check_frame(a, p);
        untouched += (g->pages[p].word & 0xffffff) == 0;
    }
    if (untouched != g->untouched_pages || untouched > pmm_reserved_frames())
        audit_wrong(a, "frames that are set aside, and pages that wait for one", untouched);
}

bool shadow_audit(struct guest *g)
{
    struct audit a = {.g = g, .m = g->mmu};
    uint32_t frames = (g->limit_pages * 5 + a.m->nr_pages * 2 + 16) / 4096 + 1;
    hfn_t f = pmm_alloc_contig(frames, 1, 0);
    uint32_t *rmap;
    uint8_t *shadows;
    uint16_t *links;

    if (hfn_is_none(f))
        return true; /* no room to check: not a difference */
    rmap = frame_ptr(f);
    links = (uint16_t *)(void *)(rmap + g->limit_pages);
    shadows = (uint8_t *)(links + a.m->nr_pages + 2);
    for (uint32_t r = 0; r < MAX_ROOTS; r++) {
        for (uint32_t i = 0; i < 4; i++) {
            if (a.m->roots[r].in_use && a.m->roots[r].pd[i]) {
                links[a.m->roots[r].pd[i]->id]++;
                /* TCG sets bit 5 (A) in these, which have none. */
                if ((a.m->roots[r].pdpt[i] & ~0x20ull) !=
                    ((uintptr_t)a.m->roots[r].pd[i]->ents | 1))
                    audit_differs(&a, a.m->roots[r].pd[i], i, "top-level entry");
            }
        }
    }
    links[a.m->filler->id]++;
    check_tables(&a, rmap, links, shadows);
    for (uint32_t id = 1; id <= a.m->nr_pages; id++) {
        const struct shadow_table *t = table_nr(&a, id);

        if (t->links != links[id])
            audit_differs(&a, t, 0, "link count");
    }
    check_pages(&a, rmap, shadows);
    check_pool(&a);
    if (a.bad == 0)
        audit_remembered(&a);
    pmm_free_contig(f, frames);
    return a.bad == 0;
}
