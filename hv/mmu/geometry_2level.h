/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the guest's tables without PAE (SDM 3A 4.3). CR3 names a directory
 * of 1024 entries, those name tables of 1024 entries, all of one dword. A shadow table
 * has 512: two stand for a guest's table and four for its directory, the quadrants, and
 * two entries of a shadow directory for one of the guest's. */
#pragma once

#include "format.h"

#define FORMAT format_2level
#define TOP_LEVEL "top_2level.h"
#define TOP_ENTRIES 1024u
#define CR3_RESERVED HV_PAGE_MASK
#define ENTRY_DWORDS 1u
#define HALVES 2u /* tables for one of the guest's, and entries for one of its directory's */
#define PDE_NAME "page directory entry"

HV_INLINE uint32_t entry_high(const uint32_t *e)
{
    (void)e;
    return 0;
}

/* The high dword that SET_PTE gives. */
HV_INLINE uint32_t announced_high(uint32_t hi)
{
    (void)hi;
    return 0;
}

/* What leads to the directory for va. */
HV_INLINE uint32_t top_entry(const struct guest *g, uint32_t gcr3, uint32_t va, uint32_t *hi)
{
    (void)g;
    (void)va;
    *hi = 0;
    return gcr3 | PT_P;
}

/* Where an entry stands in its page, in entries. */
HV_INLINE uint32_t pde_index(uint32_t va)
{
    return va >> 22;
}

HV_INLINE uint32_t pte_index(uint32_t va)
{
    return (va >> HV_PAGE_SHIFT) & 1023u;
}

/* The guest's entry for entry i of a shadow table. */
HV_INLINE uint32_t entry_index(uint32_t key, uint32_t i)
{
    uint32_t q = (key >> 20) & 3;

    return key & KEY_L2 ? q * 256 + i / 2 : q * 512 + i;
}

HV_INLINE uint32_t table_key(uint32_t gfn, uint32_t va)
{
    return gfn | KEY_QUADRANT((va >> 21) & 1);
}

HV_INLINE uint32_t dir_key(uint32_t gfn, uint32_t va)
{
    return gfn | KEY_L2 | KEY_QUADRANT(va >> 30) | (va >> 30 == 3 ? KEY_SWITCHER : 0);
}
