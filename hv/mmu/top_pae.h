/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the top level of tables with PAE, four entries that name
 * directories. The CPU reads them when CR3 is loaded (SDM 3A 4.4.1). */
#pragma once

#include "geometry_pae.h"

#include "compare.h"
#include "root.h"

static uint32_t first_key(uint32_t gcr3)
{
    (void)gcr3;
    return KEY_FILLER; /* which directory it will be is known at the first fault */
}

/* The root has no directory there any more, but for the switcher's. */
static void drop_dir(struct shadow_mmu *m, struct shadow_root *r, uint32_t top)
{
    root_drop_pd(m, r, top);
    if (top == 3)
        root_set_pd(m, r, top, m->filler);
}

/* The root is loaded again: what its top-level page says now counts. */
HV_INLINE void reload(struct shadow_mmu *m, struct shadow_root *r)
{
    for (uint32_t top = 0; top < TOP_ENTRIES; top++) {
        uint32_t hi, lo;

        if (!r->raw[top])
            continue;
        lo = top_entry(m->guest, r->gcr3, top << 30, &hi);
        if (hv_unlikely(lo != r->raw[top] || hi))
            drop_dir(m, r, top);
    }
}

static void set_pgd(struct shadow_mmu *m, uint32_t pgd, uint32_t index)
{
    struct shadow_root *r = root_find(m, pgd);

    if (r && r->raw[index])
        drop_dir(m, r, index);
}
