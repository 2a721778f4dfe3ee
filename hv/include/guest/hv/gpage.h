/* SPDX-License-Identifier: MIT */
/* One page of a guest's memory: its host frame, what hv/mmu/ knows of it, and who maps
 * it. A page that nobody has touched yet has no frame. It reads as zeros, and the frame
 * that it will have is set aside. Nobody but the functions here looks at the two words. */
#pragma once

#include "hv/addr.h"

struct guest;

/* word: the host frame, above it four flags, above them how many shadow tables stand for
 * the page; 0: untouched. maps: how many leaves map it, and from bit 10 on the sum of
 * their numbers. Bit 27 of word and bits 8 and 9 of maps are free, for pages that are
 * shared, watched, or pinned for a device. */
struct gpage {
    uint32_t word;
    uint32_t maps;
};

#define GPAGE_FRAME 0x00ffffffu
#define GPAGE_WRITTEN 0x01000000u   /* perhaps not what its shadow tables say */
#define GPAGE_ALIASED 0x02000000u   /* writable through the switcher's alias */
#define GPAGE_MAY_WRITE 0x04000000u /* leaves may be writable: no table at rest */
#define GPAGE_TABLES 0xf0000000u
#define GPAGE_ONE_TABLE 0x10000000u

#define GPAGE_MANY 0xffu /* mappings: saturated, never counted down */
#define GPAGE_NUMBER_SHIFT 10

/* Pages that lie in one frame of the table: teardown looks at those that were touched. */
#define GPAGE_CHUNK (HV_PAGE_SIZE / sizeof(struct gpage))
#define GPAGE_CHUNKS ((1u << 20) / GPAGE_CHUNK)

HV_INLINE bool gpage_is_untouched(const struct gpage *p)
{
    return p->word == 0;
}

/* HFN_NONE while it is untouched. */
HV_INLINE hfn_t gpage_frame(const struct gpage *p)
{
    return HFN(p->word & GPAGE_FRAME);
}

/* The same as the two words of a page-table entry without flags. */
HV_INLINE uint32_t gpage_entry_low(const struct gpage *p)
{
    return p->word << HV_PAGE_SHIFT;
}

HV_INLINE uint32_t gpage_entry_high(const struct gpage *p)
{
    return (p->word & GPAGE_FRAME) >> (32 - HV_PAGE_SHIFT);
}

/* Nobody else has its frame: so it is with all that were touched, until pages are shared. */
HV_INLINE bool gpage_is_exclusive(const struct gpage *p)
{
    return !gpage_is_untouched(p);
}

/* Leaves of the page may be writable now. Not while it is untouched. */
HV_INLINE bool gpage_may_write(const struct gpage *p)
{
    return (p->word & GPAGE_MAY_WRITE) != 0;
}

HV_INLINE void gpage_set_may_write(struct gpage *p, bool may)
{
    p->word = may ? p->word | GPAGE_MAY_WRITE : p->word & ~GPAGE_MAY_WRITE;
}

/* It is a page table of the guest's: so many shadow tables stand for it. */
HV_INLINE bool gpage_is_table(const struct gpage *p)
{
    return (p->word & GPAGE_TABLES) != 0;
}

HV_INLINE uint32_t gpage_tables(const struct gpage *p)
{
    return p->word / GPAGE_ONE_TABLE;
}

HV_INLINE void gpage_add_table(struct gpage *p)
{
    p->word += GPAGE_ONE_TABLE;
}

HV_INLINE void gpage_drop_table(struct gpage *p)
{
    p->word -= GPAGE_ONE_TABLE;
}

/* It was written, and this cannot be seen from the leaf that maps it. */
HV_INLINE bool gpage_was_written(const struct gpage *p)
{
    return (p->word & (GPAGE_WRITTEN | GPAGE_ALIASED)) != 0;
}

HV_INLINE void gpage_note_written(struct gpage *p)
{
    p->word |= GPAGE_WRITTEN;
}

HV_INLINE void gpage_note_compared(struct gpage *p)
{
    p->word &= ~GPAGE_WRITTEN;
}

HV_INLINE void gpage_note_alias(struct gpage *p)
{
    p->word |= GPAGE_ALIASED;
}

/* 0, 1, or more mappings. */
HV_INLINE uint32_t gpage_mappings(const struct gpage *p)
{
    return (uint8_t)p->maps;
}

/* The number of the leaf that is the only mapping. */
HV_INLINE uint32_t gpage_only_mapping(const struct gpage *p)
{
    return p->maps >> GPAGE_NUMBER_SHIFT;
}

/* Stands for all mappings: another number when one has come or gone. */
HV_INLINE uint32_t gpage_all_mappings(const struct gpage *p)
{
    return p->maps;
}

/* What the leaf with this number adds to maps. */
#define GPAGE_MAPPING(number) ((uint32_t)(number) << GPAGE_NUMBER_SHIFT | 1)
#define GPAGE_NEXT_MAPPING (1u << GPAGE_NUMBER_SHIFT)

HV_INLINE void gpage_map(struct gpage *p, uint32_t mapping)
{
    if (hv_likely((uint8_t)p->maps != GPAGE_MANY))
        p->maps += mapping;
}

HV_INLINE void gpage_unmap(struct gpage *p, uint32_t mapping)
{
    if (hv_likely((uint8_t)p->maps != GPAGE_MANY))
        p->maps -= mapping;
}

/* The table for g->limit_pages, all untouched, and frames set aside for them. 0 or
 * -HV_ENOMEM; gpages_destroy() puts right what was done then, too. */
int gpages_create(struct guest *g) HV_MUST_CHECK;
void gpages_destroy(struct guest *g);

/* An untouched page gets its frame, zero-filled. Uses a window for a high one. */
void gpage_touch(struct guest *g, uint32_t gfn);
