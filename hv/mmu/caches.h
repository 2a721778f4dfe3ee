/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: what is remembered for speed.  Nothing here is needed; each
 * is dropped when what it says might no longer hold (cache_drop, links_changed),
 * and the audit compares it with a look. */
#pragma once

#include "hv/frame.h"
#include "hv/guest.h"

struct shadow_table;
struct shadow_root;

/* Words of guest memory whose value is what an answer was found by: while they are
 * the same the answer is. NULL: nothing to go by. */
struct evidence {
    const uint32_t *word[2]; /* directory entry; PAE: and the top-level one */
    uint32_t value[2];
};

/* What a table covers. */
#define LINK_BYTES 0x200000u

/* A table of the current root that faults and SET_PTE have found. A process has its
 * text, its stack and the kernel to touch in turns: some are kept, each for other
 * addresses, and v->link is the one that was of use last. */
struct link_cache {
    struct shadow_mmu *mmu;
    struct gpage *pages;     /* the guest's, and gpte_last of the mmu, for the short ways */
    uint32_t gpte_last;
    uint32_t first;          /* address of entry 0 */
    uint32_t bytes;          /* LINK_BYTES; 0: nothing remembered */
    uint32_t set_pte_bytes;  /* the same, if SET_PTE may use it */
    uint32_t pgd;            /* CR3 for SET_PTE */
    uint32_t allows;         /* P, PS, and RW and US of the shadow directory entry */
    uint32_t rmap_one;       /* rmap_one() of entry 0 */
    uint32_t *gents;         /* the guest's entry for shadow entry 0; frame_ptr_kept() */
    struct shadow_table *table;
    uint64_t *ents;
    bool pae;
    /* The guest's directory still names this table; taken when an access is denied. */
    struct evidence dir;
};

#define LINKS FRAME_KEPT_TABLES

/* A 2 MiB of a root that is not the current one, where SET_PTE has nothing to do:
 * no shadow of its table exists. */
struct nothing_cache {
    uint32_t region; /* va >> 21, or LINK_NONE */
    uint32_t pgd;
    struct evidence dir;
    const struct gpage *page; /* the guest's table, not shadowed */
};

/* The one table that all roots have in a 2 MiB of the kernel's half, for SET_PTE. Where
 * it has cleared an entry, the next temporary mapping will be. */
struct kernel_cache {
    uint32_t region; /* va >> 21, or LINK_NONE */
    struct shadow_table *table;
    uint32_t cleared; /* the last such entry, or ENTRIES */
};

/* What shadow_flush_user() has to look at for one root: the pages of the guest
 * that its user half is built from, and of each the one mapping through which it
 * could have been written. Good until a link changes. */
#define WATCH_MAX (sizeof(void *) == 4 ? 20u : 6u)

struct watch {
    struct gpage *page;
    const uint64_t *ent; /* dirty_witness() */
    uint32_t rmap;
    uint32_t shadows; /* GPAGE_PT of the page if they are these tables */
    struct shadow_table *table[2];
};

struct watch_list {
    const struct shadow_root *root; /* NULL: no list */
    uint32_t nr;                    /* directories come first */
    struct watch page[WATCH_MAX];
};

#define LINK_NONE 0xffffffffu
#define NO_CR3 1u /* no address of a top-level table: the linear root has it too */
