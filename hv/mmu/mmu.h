/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the shadow cache.
 *
 * A shadow table is keyed by what it shadows: {guest frame, level, quadrant,
 * holds-the-switcher}.  It lives as long as something links to it: a root links
 * directories, a directory links tables.  When the last link goes, the table
 * is emptied and freed at once, so a table found in the cache has been kept up
 * to date by announcements and flushes ever since it was built. */
#pragma once

#include "caches.h"

#include "hv/assert.h"
#include "hv/frame.h"
#include "hv/guest.h"
#include "hv/pmm.h"
#include "hv/sched.h"
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

/* struct gpage.frame, flags above GPAGE_FRAME. */
#define GPAGE_PT 0xf0000000u      /* how many shadow tables are keyed by it */
#define GPAGE_PT_ONE 0x10000000u
#define GPAGE_REMEMBERED 0x01000000u /* perhaps it is the page of write_cache */
#define GPAGE_DIRTY 0x02000000u   /* written since its shadows were compared */
#define GPAGE_ALIASED 0x04000000u /* writable through the switcher's alias */
#define GPAGE_OURS 0x08000000u    /* may be mapped writable: not a table at rest */

#define RMAP_COUNT 0xffu
#define RMAP_MANY 0xffu /* saturated: never counted down */

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

#define CHUNK_TABLES 32u

/* Words of the presence bitmap, of 32 entries each, between two preemption points
 * where an entry costs 50 instructions or so. */
#define WORDS_A_STEP 4u

struct shadow_table {
    uint64_t *ents;
    uint32_t key;
    uint16_t id; /* not 0 */
    uint16_t hash_next;
    uint16_t links;
    uint8_t idle;    /* flushes of everything since its page was dirty */
    uint32_t pinned; /* 1: kernel stack pages were pinned in it */
    uint32_t words;  /* bit w is set if present[w] is not 0, and perhaps longer */
    uint32_t present[ENTRIES / 32]; /* the switcher's entry is not counted */
};

/* Tables are made by the page. loose: which of them quiet.c has not put to rest. */
struct table_chunk {
    struct shadow_table table[CHUNK_TABLES];
    uint32_t loose;
};

#define MAX_ROOTS 16u
#define HASH_BUCKETS 256u
#define CHAIN_MAX 40u /* keys alike: a guest chooses its pages; see table_get() */
#define MAX_CHUNKS (sizeof(void *) == 4 ? 192u : 32u) /* of pointers, in one page */

struct shadow_root {
    uint64_t *pdpt; /* 4 entries; directly mapped, below 4 GiB */
    uint32_t hcr3;
    uint32_t gcr3;
    uint32_t raw[4]; /* PAE: the guest's entries as last used */
    struct shadow_table *pd[4];
    uint32_t used_stamp;
    bool in_use; /* if not, gcr3 is NO_CR3 */
    /* The page of gcr3, and dirty_witness() while its rmap is what it was. */
    const struct gpage *top;
    const uint64_t *top_ent;
    uint32_t top_rmap;
    /* PAE: the low dwords of the four entries when they were looked at, raw[] where
     * a directory is linked; the high ones were 0. words: where they are, or NULL if
     * that address does not stay. */
    bool has_seen;
    const volatile uint32_t *words;
    uint32_t seen[4];
    uint32_t pin_esp1, pin_pages, pin_gen; /* this stack is pinned here if pin_gen is m's */
};

struct shadow_mmu {
    struct guest *guest;
    uint32_t gpte_last; /* the highest low dword of an entry for one of its pages */
    uint16_t hash[HASH_BUCKETS];
    struct table_chunk *chunks[MAX_CHUNKS];
    uint32_t nr_chunks;
    uint16_t free_ids; /* list through hash_next; tables with ents, empty */
    uint32_t nr_tables, nr_tables_max; /* in use; bound */
    uint32_t nr_pages;                 /* table pages owned, in use or free */
    struct shadow_root roots[MAX_ROOTS];
    struct shadow_root *root_hint[MAX_ROOTS]; /* by page number of CR3 */
    /* Remembered for speed, dropped by cache_drop() whenever a link or a right
     * goes: the page of the last gva_write_ptr (1: none), and some tables. */
    struct write_cache writable;
    struct link_cache links[LINKS + 1]; /* the last stays empty */
    uint32_t links_live, link_next; /* bit n: links[n] says something; the next to go */
    struct nothing_cache nothing;
    struct kernel_cache kernel;
    struct watch_list watch;
    uint32_t pin_gen; /* counts what may have unpinned a stack page */
    uint32_t no_root; /* a CR3 that SET_PTE named and that has no root */
    struct shadow_table *filler; /* top directory of a root without its own */
    uint64_t *pdpt_page;
    uint32_t stamp;
    uint32_t evictions, drops, resyncs, dir_resyncs;
    uint32_t breaks, link_breaks; /* preemption points, and when a link was begun */
    int32_t may_compare; /* leaves before the next one; a ring may hold many flushes */
};

/* Interrupts are let in, and others run if the slice is over. Devices may write to any
 * page of the guest then, also to one that is no table yet, where nobody notes it: who
 * has read an entry before looks at m->breaks, and reads it again if that has changed. */
HV_INLINE void mmu_preempt_point(struct shadow_mmu *m)
{
    m->breaks++;
    sched_point();
}

/* ---- the cache ---- */

struct shadow_table *table_find(const struct shadow_mmu *m, uint32_t key);

/* Finds or makes the table; NULL when the pool is empty, or holds so many whose keys
 * are alike that looking for one would take long: the caller lets go of everything
 * it holds, calls pool_make_room() and starts again. */
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

/* The n-th table, n below PAGE_TABLES, that may be keyed by a guest page; NULL: that
 * one is not there. */
#define PAGE_TABLES 10u
struct shadow_table *table_of_page(const struct shadow_mmu *m, uint32_t gfn, uint32_t n);

/* A page that tables are keyed by may be written from now on (quiet.c), because the
 * guest or the monitor is about to. Nothing happens if it may be already. */
void quiet_end(struct shadow_mmu *m, uint32_t gfn);

/* A table whose page was clean at one flush of everything after the other: from now
 * on such flushes pass it by, unless it cannot be told that nobody writes there. */
void quiet_begin(struct shadow_mmu *m, uint32_t gfn);

/* Brings all shadows of a guest page up to date with what it holds now. */
void resync_page(struct shadow_mmu *m, uint32_t gfn);

/* The same for the tables that the first entries of a root's directory link. */
void resync_below(struct shadow_mmu *m, struct shadow_root *r, uint32_t top,
                  uint32_t nr_entries);

/* Linear mode (no guest tables yet): VA == PA. */
bool linear_fault(struct vcpu *v, uint32_t va);

/* A bug of the monitor in the shadow: prints, then panics. */
#define mmu_assert(e) hv_assert(e)
