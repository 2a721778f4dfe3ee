/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the shadow cache.
 *
 * A shadow table is keyed by what it shadows: {guest frame, level, quadrant,
 * holds-the-switcher}.  It lives as long as something links to it: a root links
 * directories, a directory links tables.  When the last link goes, the table
 * is emptied and freed at once, so a table found in the cache has been kept up
 * to date by announcements and flushes ever since it was built. */
#pragma once

#include "hv/assert.h"
#include "hv/frame.h"
#include "hv/guest.h"
#include "hv/pmm.h"
#include "hv/shadow.h"
#include "hv/string.h"

/* Guest and shadow entries share the low bits (SDM 3A 4.3, 4.4). */
#define PT_P 0x001u
#define PT_RW 0x002u
#define PT_US 0x004u
#define PT_A 0x020u
#define PT_D 0x040u
#define PT_PS 0x080u
#define PT_LOW 0xfffu

#define GPDE_BAD 0xf98u   /* ABI 7.2: a directory entry has only 0x067 */
#define GPDPTE_BAD 0xffeu /* a PAE top-level entry only 0x001 */

/* struct gpage.frame, flags above the 24 bits of frame number. */
#define GPAGE_FRAME 0x00ffffffu
#define GPAGE_PT 0xf0000000u      /* how many shadow tables are keyed by it */
#define GPAGE_PT_ONE 0x10000000u
#define GPAGE_DIRTY 0x02000000u   /* written since its shadows were compared */
#define GPAGE_ALIASED 0x04000000u /* writable through the switcher's alias */
#define GPAGE_OURS 0x08000000u    /* not shared: may be mapped writable */

#define RMAP_COUNT 0xffu
#define RMAP_MANY 0xffu /* saturated: never counted down */

enum shadow_level { SHADOW_L1 = 1, SHADOW_L2 = 2 };

/* Key of a table. Linear-mode tables have the page number of their first
 * address instead of a guest frame. */
#define KEY_QUADRANT(q) ((uint32_t)(q) << 20)
#define KEY_L2 (1u << 22)
#define KEY_SWITCHER (1u << 23)
#define KEY_LINEAR (1u << 24)
#define KEY_GFN 0xfffffu
#define KEY_FILLER (KEY_LINEAR | KEY_L2 | KEY_SWITCHER | KEY_GFN)

#define ENTRIES 512u
#define SWITCHER_ENTRY 511u /* of the directory for the top GiB */
#define RESERVED_ENTRY 510u

struct shadow_table {
    uint64_t *ents;
    uint32_t key;
    uint16_t id; /* not 0 */
    uint16_t hash_next;
    uint16_t links;
    uint16_t nr_present;
    uint16_t pinned; /* 1: kernel stack pages were pinned in it */
    uint16_t words;  /* directories: bit w set if present[w] is not 0 */
    uint32_t present[ENTRIES / 32]; /* the switcher's entry is not counted */
};

#define MAX_ROOTS 16u
#define HASH_BUCKETS 256u
#define CHUNK_TABLES 32u
#define MAX_CHUNKS (sizeof(void *) == 4 ? 256u : 128u) /* of pointers, in one page */

struct shadow_root {
    uint64_t *pdpt; /* 4 entries; directly mapped, below 4 GiB */
    uint32_t hcr3;
    uint32_t gcr3;
    uint32_t raw[4]; /* PAE: the guest's entries as last used */
    struct shadow_table *pd[4];
    uint32_t used_stamp;
    bool in_use; /* if not, gcr3 is NO_CR3 */
    /* The page of gcr3, and its one mapping while its rmap is what it was. */
    const struct gpage *top;
    const uint64_t *top_ent;
    uint32_t top_rmap;
    uint32_t pin_esp1, pin_pages, pin_gen; /* this stack is pinned here if pin_gen is m's */
};

/* The table that faults and SET_PTE of the current root found last. */
struct link_cache {
    uint32_t region; /* va >> 21; LINK_NONE: nothing remembered */
    uint32_t pgd;    /* CR3 for SET_PTE; 1 (no CR3): not for SET_PTE */
    uint32_t rights; /* RW and US of the shadow directory entry */
    uint32_t id8;    /* map_id() of entry 0, shifted as in struct gpage.rmap */
    uint32_t gframe; /* host frame of the guest's table */
    uint32_t gfirst; /* byte offset in it of the entry for shadow entry 0 */
    uint32_t *gents; /* that entry, if the frame is in the direct map, or NULL */
    struct shadow_table *table;
    uint64_t *ents;
};

#define LINK_NONE 0xffffffffu
#define NO_CR3 1u /* no address of a top-level table: the linear root has it too */

struct shadow_mmu {
    struct guest *guest;
    uint16_t hash[HASH_BUCKETS];
    struct shadow_table *chunks[MAX_CHUNKS];
    uint32_t nr_chunks;
    uint16_t free_ids; /* list through hash_next; tables with ents, empty */
    uint32_t nr_tables, nr_tables_max; /* in use; bound */
    uint32_t nr_pages;                 /* table pages owned, in use or free */
    struct shadow_root roots[MAX_ROOTS];
    uint8_t root_hint[MAX_ROOTS]; /* by page number of CR3 */
    /* Remembered for speed, dropped by cache_drop() whenever a link or a right
     * goes: the page of the last gva_write_ptr (1: none), and a table. */
    struct write_cache writable;
    struct link_cache link;
    uint32_t pin_gen; /* counts what may have unpinned a stack page */
    uint32_t no_root; /* a CR3 that SET_PTE named and that has no root */
    struct shadow_table *filler; /* top directory of a root without its own */
    uint64_t *pdpt_page;
    uint32_t stamp;
    uint32_t evictions, drops, resyncs, dir_resyncs;
};

HV_INLINE void cache_drop(struct shadow_mmu *m)
{
    m->writable.va = 1;
    m->link.region = LINK_NONE;
    m->pin_gen++;
}

/* See shadow_check_pin(). */
HV_INLINE void check_pin(struct vcpu *v, const struct shadow_mmu *m,
                         const struct shadow_root *r)
{
    if (hv_likely(r->pin_esp1 == v->esp1 && r->pin_pages == v->stack_pages &&
                  r->pin_gen == m->pin_gen))
        v->attention &= ~(uint32_t)VCPU_ATTN_PIN;
    else
        v->attention |= VCPU_ATTN_PIN;
}

/* ---- reverse map ---- */

/* Guest page of a frame that a guest owns; the table of a shadow frame. */
extern uintptr_t *frame_owner;

HV_INLINE uint32_t owner_of(uint64_t ent)
{
    return (uint32_t)frame_owner[(uint32_t)(ent >> HV_PAGE_SHIFT)];
}

HV_INLINE uint32_t map_id(const struct shadow_table *t, uint32_t i)
{
    return ((uint32_t)t->id << 9) | i;
}

HV_INLINE void rmap_add(struct gpage *p, uint32_t id)
{
    uint32_t r = p->rmap;

    if (hv_likely((uint8_t)r != RMAP_MANY))
        p->rmap = (r ^ (id << 8)) + 1;
}

HV_INLINE void rmap_del(struct gpage *p, uint32_t id)
{
    uint32_t r = p->rmap;

    if (hv_likely((uint8_t)r != RMAP_MANY))
        p->rmap = (r ^ (id << 8)) - 1;
}

HV_INLINE struct shadow_table *table_by_id(const struct shadow_mmu *m,
                                           uint32_t id)
{
    return &m->chunks[id / CHUNK_TABLES][id % CHUNK_TABLES];
}

/* The table that a shadow directory entry links. */
HV_INLINE struct shadow_table *table_of(uint64_t ent)
{
    return (struct shadow_table *)frame_owner[(uint32_t)ent >> HV_PAGE_SHIFT];
}

/* The leaf that is the only mapping of a page. */
HV_INLINE uint64_t *only_mapping(const struct shadow_mmu *m, const struct gpage *p)
{
    uint32_t id = p->rmap >> 8;

    return &table_by_id(m, id >> 9)->ents[id & (ENTRIES - 1)];
}

/* True if the page may have been written since its shadows were compared. */
HV_INLINE bool gpage_is_dirty(const struct shadow_mmu *m, const struct gpage *p)
{
    uint32_t count = p->rmap & RMAP_COUNT;

    if (p->frame & (GPAGE_DIRTY | GPAGE_ALIASED))
        return true;
    if (hv_likely(count == 1))
        return ((uint32_t)*only_mapping(m, p) & (PT_RW | PT_D)) == (PT_RW | PT_D);
    return count != 0; /* with more than one it is not worth telling which */
}

/* From now on a write will show: before the page is read as a table. */
void gpage_track(struct shadow_mmu *m, struct gpage *p);

/* ---- tables ---- */

HV_INLINE bool entry_present(const struct shadow_table *t, uint32_t i)
{
    return (t->present[i / 32] >> (i % 32)) & 1;
}

HV_INLINE void mark_present(struct shadow_table *t, uint32_t i)
{
    t->present[i / 32] |= 1u << (i % 32);
    t->nr_present++;
}

/* The same for a directory, whose present words are gone through often. */
HV_INLINE void mark_dir_present(struct shadow_table *t, uint32_t i)
{
    mark_present(t, i);
    t->words = (uint16_t)(t->words | 1u << (i / 32));
}

HV_INLINE void mark_absent(struct shadow_table *t, uint32_t i)
{
    t->present[i / 32] &= ~(1u << (i % 32));
    t->nr_present--;
}

HV_INLINE void mark_dir_absent(struct shadow_table *t, uint32_t i)
{
    mark_absent(t, i);
    if (!t->present[i / 32])
        t->words = (uint16_t)(t->words & ~(1u << (i / 32)));
}

/* Takes the D bit of an entry that is about to lose it or its right to write
 * along, if its page is a page table of the guest. */
HV_INLINE void harvest_dirty(struct gpage *p, uint64_t ent)
{
    if (hv_unlikely((p->frame & GPAGE_PT) &&
                    ((uint32_t)ent & (PT_RW | PT_D)) == (PT_RW | PT_D)))
        p->frame |= GPAGE_DIRTY;
}

/* Writes an entry; as two words, which is what the compiler does best. Nobody
 * walks this table now: the guest is not running. */
HV_INLINE void leaf_write(uint64_t *slot, uint32_t frame, uint32_t flags)
{
    uint32_t *w = (uint32_t *)slot;

    w[0] = (frame << HV_PAGE_SHIFT) | flags;
    w[1] = (frame >> (32 - HV_PAGE_SHIFT)) & 0xfu;
}

/* A mapping of page p goes or changes: perhaps the remembered one. */
HV_INLINE void writable_lost(struct shadow_mmu *m, const struct gpage *p)
{
    if ((p->frame & GPAGE_FRAME) == m->writable.frame)
        m->writable.va = 1;
}

/* Installs a leaf for guest page p; the slot is empty. */
HV_INLINE void leaf_install(struct shadow_table *t, uint32_t i, struct gpage *p,
                            uint32_t flags)
{
    leaf_write(&t->ents[i], p->frame & GPAGE_FRAME, flags);
    rmap_add(p, map_id(t, i));
    mark_present(t, i);
}

HV_INLINE void leaf_zap(struct shadow_mmu *m, struct shadow_table *t, uint32_t i)
{
    uint64_t ent = t->ents[i];
    struct gpage *p = &m->guest->pages[owner_of(ent)];

    harvest_dirty(p, ent);
    rmap_del(p, map_id(t, i));
    t->ents[i] = 0;
    mark_absent(t, i);
    writable_lost(m, p);
    m->pin_gen += t->pinned;
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

struct shadow_table *table_find(const struct shadow_mmu *m, uint32_t key);

/* Finds or makes the table; NULL when the pool is empty: the caller lets go of
 * everything it holds, calls pool_make_room() and starts again. */
struct shadow_table *table_get(struct shadow_mmu *m, uint32_t key);

/* One link less; the last one frees the table and what it links. */
void table_unlink(struct shadow_mmu *m, struct shadow_table *t);

void dir_zap(struct shadow_mmu *m, struct shadow_table *pd, uint32_t i);

/* Makes room: the least recently used root, else everything. */
void pool_make_room(struct vcpu *v);

struct shadow_root *root_find(struct shadow_mmu *m, uint32_t gcr3);
struct shadow_root *root_make(struct vcpu *v, uint32_t gcr3);
void root_release(struct shadow_mmu *m, struct shadow_root *r);
void root_set_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i,
                 struct shadow_table *pd);
void root_drop_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i);

/* PAE: lets go of the directories whose top-level entry has changed, as a load
 * of CR3 would (SDM 3A 4.4.1). */
void root_reload_pdptes(struct shadow_mmu *m, struct shadow_root *r);

/* Key of the top directory of the linear root. */
#define LINEAR_TOP_KEY (KEY_LINEAR | KEY_L2 | KEY_SWITCHER | 0xc0000u)

/* Brings all shadows of a guest page up to date with what it holds now. */
void resync_page(struct shadow_mmu *m, uint32_t gfn);

/* The same for the tables that the first entries of a root's directory link. */
void resync_below(struct shadow_mmu *m, struct shadow_root *r, uint32_t top,
                  uint32_t nr_entries);

/* Linear mode (no guest tables yet): VA == PA. */
bool linear_fault(struct vcpu *v, uint32_t va);

/* A bug of the monitor in the shadow: prints, then panics. */
#define mmu_assert(e) hv_assert(e)
