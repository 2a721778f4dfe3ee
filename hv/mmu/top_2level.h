/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the top level of tables without PAE, which is their directory. */
#pragma once

#include "geometry_2level.h"

#include "compare.h"
#include "root.h"

static uint32_t first_key(uint32_t gcr3)
{
    return dir_key(gcr3 >> HV_PAGE_SHIFT, 0xc0000000u);
}

/* The root is loaded again: what its top-level page says now counts. */
HV_INLINE void reload(struct shadow_mmu *m, struct shadow_root *r)
{
    uint32_t gfn = r->gcr3 >> HV_PAGE_SHIFT;

    if (hv_unlikely(page_is_written(m, &m->pages[gfn])))
        compare_page(m, gfn, 0);
}

static void set_pgd(struct shadow_mmu *m, uint32_t pgd, uint32_t index)
{
    forget_pde(m, pgd, index);
}
