/* SPDX-License-Identifier: MIT */
/* One page of a guest's memory: its host frame, flags of hv/mmu, and who maps it. A
 * page that nobody has touched yet has no frame. It reads as zeros, and the frame that
 * it will have is set aside. */
#pragma once

#include "hv/addr.h"

struct guest;

#define GPAGE_FRAME 0x00ffffffu

struct gpage {
    uint32_t frame; /* GPAGE_FRAME: host frame, above it flags of hv/mmu; 0: untouched */
    uint32_t rmap;  /* bits 0..7 number of mappings, 8..31 sum of their ids */
};

/* Pages that lie in one frame of the table: teardown looks at those that were touched. */
#define GPAGE_CHUNK (HV_PAGE_SIZE / sizeof(struct gpage))
#define GPAGE_CHUNKS ((1u << 20) / GPAGE_CHUNK)

HV_INLINE bool gpage_is_untouched(const struct gpage *p)
{
    return p->frame == 0;
}

/* HFN_NONE while it is untouched. */
HV_INLINE hfn_t gpage_frame(const struct gpage *p)
{
    return HFN(p->frame & GPAGE_FRAME);
}

/* The table for g->limit_pages, all untouched, and frames set aside for them. 0 or
 * -HV_ENOMEM; gpages_destroy() puts right what was done then, too. */
int gpages_create(struct guest *g) HV_MUST_CHECK;
void gpages_destroy(struct guest *g);

/* An untouched page gets its frame, zero-filled. Uses a window for a high one. */
void gpage_touch(struct guest *g, uint32_t gfn);
