/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the guest's tables with PAE (SDM 3A 4.4). CR3 names four entries,
 * those name directories of 512, those name tables of 512, all of two dwords. A shadow
 * table stands for one of the guest's. */
#pragma once

#include "format.h"

#define FORMAT format_pae
#define TOP_LEVEL "top_pae.h"
#define TOP_ENTRIES 4u
#define CR3_RESERVED 31u
#define ENTRY_DWORDS 2u
#define HALVES 1u
#define PDE_NAME "page middle directory entry"

/* No frame of a guest's is so high that this is not 0. */
HV_INLINE uint32_t entry_high(const uint32_t *e)
{
    return hv_read_once(e[1]);
}

/* The high dword that SET_PTE gives. */
HV_INLINE uint32_t announced_high(uint32_t hi)
{
    return hi;
}

/* The four entries that lead to directories: CR3 is a root's, and its page was touched. */
HV_INLINE const uint32_t *top_entries(const struct guest *g, uint32_t gcr3)
{
    const uint8_t *page = frame_ptr(gpage_frame(&g->pages[gcr3 >> HV_PAGE_SHIFT]));

    return (const uint32_t *)(const void *)(page + (gcr3 & HV_PAGE_MASK));
}

/* The one for va. */
HV_INLINE uint32_t top_entry(const struct guest *g, uint32_t gcr3, uint32_t va, uint32_t *hi)
{
    const uint32_t *e = top_entries(g, gcr3) + (va >> 30) * ENTRY_DWORDS;

    *hi = entry_high(e);
    return hv_read_once(*e);
}

/* Where an entry stands in its page, in entries. */
HV_INLINE uint32_t pde_index(uint32_t va)
{
    return (va >> 21) & (ENTRIES - 1);
}

HV_INLINE uint32_t pte_index(uint32_t va)
{
    return (va >> HV_PAGE_SHIFT) & (ENTRIES - 1);
}

/* The guest's entry for entry i of a shadow table. */
HV_INLINE uint32_t entry_index(uint32_t key, uint32_t i)
{
    (void)key;
    return i;
}

HV_INLINE uint32_t table_key(uint32_t gfn, uint32_t va)
{
    (void)va;
    return gfn;
}

HV_INLINE uint32_t dir_key(uint32_t gfn, uint32_t va)
{
    return gfn | KEY_L2 | (va >> 30 == 3 ? KEY_SWITCHER : 0);
}
