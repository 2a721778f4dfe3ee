/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the shadow tables of a guest, and its roots.
 *
 * A shadow table is keyed by what it stands for: {guest frame, level, quadrant,
 * holds-the-switcher}.  It lives as long as something links it: a root links
 * directories, a directory links tables.  When the last link goes, the table is emptied
 * and freed at once, so a table that is found has been kept up to date by announcements
 * and flushes ever since it was built. */
#pragma once

#include "hv/assert.h"
#include "hv/frame.h"
#include "hv/guest.h"
#include "hv/pmm.h"
#include "hv/pt.h"
#include "hv/sched.h"
#include "hv/shadow.h"
#include "hv/string.h"

/* Key of a table. Those of linear mode have the page number of their first address
 * instead of a guest frame. */
#define KEY_QUADRANT(q) ((uint32_t)(q) << 20)
#define KEY_L2 (1u << 22)
#define KEY_SWITCHER (1u << 23)
#define KEY_LINEAR (1u << 24)
#define KEY_GFN 0xfffffu
#define KEY_FILLER (KEY_LINEAR | KEY_L2 | KEY_SWITCHER | KEY_GFN)

#define ENTRIES 512u
#define SWITCHER_ENTRY 511u /* of the directory for the top GiB */
#define RESERVED_ENTRY 510u
#define WORDS (ENTRIES / 32)

struct shadow_table {
    uint64_t *ents;
    uint32_t *gents; /* the guest's entry for entry 0; NULL: not in the direct map */
    uint32_t key;
    uint32_t first_mapping; /* GPAGE_MAPPING() of entry 0 */
    uint16_t id; /* not 0 */
    uint16_t chain_next;
    uint16_t links;
    uint8_t clean_flushes; /* flushes of everything since its page was written */
    bool pinned;           /* kernel stack pages were pinned in it */
    bool awake, listed;    /* a flush of everything looks at it; it is in m->awake */
    struct shadow_table *awake_next;
    uint32_t groups;         /* bit n: present[n] is not 0 */
    uint32_t present[WORDS]; /* the switcher's entry is not counted */
};

/* Tables are made by the page. */
#define CHUNK_TABLES 32u
struct table_chunk {
    struct shadow_table table[CHUNK_TABLES];
};
_Static_assert(sizeof(struct table_chunk) <= HV_PAGE_SIZE, "one page");

#define MAX_ROOTS 16u
#define NO_CR3 1u /* no address of a top-level table: the linear root has it too */
#define USER_PAGES 24u
#define NO_REGION 0xffffffffu
#define HASH_BUCKETS 256u
#define CHAIN_MAX 40u /* keys alike: a guest chooses its pages; see table_get() */
#define MAX_CHUNKS (sizeof(void *) == 4 ? 192u : 128u) /* of pointers, in one page */

/* A leaf has a number, table id and entry, whose sums must fit into struct gpage. */
_Static_assert((uint64_t)MAX_CHUNKS * CHUNK_TABLES * ENTRIES <= 1ull << (32 - GPAGE_NUMBER_SHIFT),
               "numbers of leaves");

struct shadow_root {
    uint64_t *pdpt; /* 4 entries; directly mapped, below 4 GiB */
    uint32_t hcr3;
    uint32_t gcr3;
    uint32_t raw[4]; /* PAE: the guest's entries as last used */
    struct shadow_table *pd[4];
    uint32_t used_stamp;
    bool in_use; /* if not, gcr3 is NO_CR3 */
    uint32_t pin_esp1, pin_pages, pin_gen; /* this stack is pinned here if pin_gen is m's */
};

/* A guest page that the user half of the current root is built from, one of its tables, and
 * the leaf that is its only mapping while `mappings` says that they are the same still. */
struct user_page {
    struct shadow_table *table;
    struct gpage *page;
    uint32_t mappings;
    const uint64_t *leaf;
};

/* What is remembered between exits, and in struct vcpu_shadow; remember.h. */
struct remembered {
    /* The table that all roots link in this 2 MiB (va >> 21) of the kernel's half, and
     * which entry SET_PTE cleared there last, or ENTRIES. */
    uint32_t region;
    struct shadow_table *table;
    uint32_t cleared;
    /* What FLUSH_TLB(0) has to look at. 0: not known. */
    uint32_t nr_user_pages;
    struct user_page user_page[USER_PAGES];
    uint32_t no_root; /* a CR3 that SET_PTE named and that has no root */
    uint32_t pin_gen; /* counts what may have unpinned a stack page */
};

struct shadow_mmu {
    struct guest *guest;
    struct vcpu *vcpu;
    struct gpage *pages; /* the guest's */
    const struct table_format *format; /* of the guest's tables; format.h */
    uint32_t gpte_last; /* the highest low dword of an entry for one of its pages */
    struct remembered remembered;
    uint16_t chains[HASH_BUCKETS]; /* tables by key */
    struct table_chunk *chunks[MAX_CHUNKS];
    uint32_t nr_chunks;
    struct shadow_table *awake; /* a list: those that are, and some that are no longer */
    uint16_t free_ids; /* list through chain_next; tables with ents, empty */
    uint32_t nr_tables, nr_tables_max; /* in use; bound */
    uint32_t nr_pages;                 /* table pages owned, in use or free */
    struct shadow_root roots[MAX_ROOTS];
    struct shadow_root *root_guess[MAX_ROOTS]; /* by page number of CR3: look there first */
    struct shadow_table *filler; /* top directory of a root without its own */
    uint64_t *pdpt_page;
    uint32_t stamp;
    uint32_t rest_after; /* so many flushes of everything, all clean */
    uint32_t evictions, drops, compared_pages, compared_dirs;
    uint32_t breaks, link_breaks; /* preemption points, and when a link was begun */
    int32_t work_left; /* until the next one; see mmu_work() */
};
_Static_assert(sizeof(struct shadow_mmu) <= HV_PAGE_SIZE, "one page");

/* For the frame of a guest's page: its page number. For that of a shadow table: it. */
extern uintptr_t *frame_owner;

/* Interrupts are let in, and others run if the slice is over. Devices may write to any
 * page of the guest then, also to one that is no table yet, where nobody notes it: who
 * has read an entry before looks at m->breaks, and reads it again if that has changed. */
HV_INLINE void mmu_preempt_point(struct shadow_mmu *m)
{
    m->breaks++;
    sched_point();
}

/* Work of some 25 instructions each, after which everything is consistent. true: it was
 * time for a preemption point, and pointers into guest memory are void. One ring may
 * bring many calls, so this counts over all of them. */
#define WORK_A_STEP 256
#define WORK_GROUP 32  /* of leaves, looked at */
#define WORK_CHANGE 8  /* changed */
#define WORK_LINK 2    /* looked at */
#define WORK_TABLE 64  /* begun */

HV_INLINE bool mmu_work(struct shadow_mmu *m, int32_t amount)
{
    m->work_left -= amount;
    if (hv_likely(m->work_left >= 0))
        return false;
    m->work_left = WORK_A_STEP;
    mmu_preempt_point(m);
    return true;
}

HV_INLINE uint32_t va_l2(uint32_t va)
{
    return (va >> 21) & (ENTRIES - 1);
}

HV_INLINE uint32_t va_l1(uint32_t va)
{
    return (va >> HV_PAGE_SHIFT) & (ENTRIES - 1);
}
