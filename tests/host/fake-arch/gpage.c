/* SPDX-License-Identifier: MIT */
/* hv/gpage.h for tests that touch a page and have no shadows: a frame of the fake
 * allocator. */
#include "fake.h"

#include "hv/guest.h"
#include "hv/pmm.h"
#include "test.h"

void gpage_touch(struct guest *g, uint32_t gfn)
{
    hfn_t f = pmm_alloc_contig(1, 1, 0);

    REQUIRE(gfn < g->limit_pages && gpage_is_untouched(&g->pages[gfn]) && !hfn_is_none(f));
    g->pages[gfn].word = f.v;
    g->untouched_pages--;
}
