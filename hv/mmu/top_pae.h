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

HV_INLINE uint32_t top_differs(const uint32_t *e, uint32_t raw)
{
    return raw ? (hv_read_once(*e) ^ raw) | entry_high(e) : 0;
}

/* As it is most often. */
HV_INLINE bool top_is_same(const struct shadow_mmu *m, const struct shadow_root *r)
{
    const uint32_t *e = top_entries(m->guest, r->gcr3);

    return !(top_differs(e, r->raw[0]) | top_differs(e + ENTRY_DWORDS, r->raw[1]) |
             top_differs(e + 2 * ENTRY_DWORDS, r->raw[2]) |
             top_differs(e + 3 * ENTRY_DWORDS, r->raw[3]));
}

/* The root is loaded again: what its top-level page says now counts. */
static void reload(struct shadow_mmu *m, struct shadow_root *r)
{
    if (hv_likely(top_is_same(m, r)))
        return;
    for (uint32_t top = 0; top < TOP_ENTRIES; top++) {
        uint32_t hi, lo;

        if (!r->raw[top])
            continue;
        lo = top_entry(m->guest, r->gcr3, top << 30, &hi);
        if (lo != r->raw[top] || hi)
            drop_dir(m, r, top);
    }
}

static void set_pgd(struct shadow_mmu *m, uint32_t pgd, uint32_t index)
{
    struct shadow_root *r = root_find(m, pgd);

    if (r && r->raw[index])
        drop_dir(m, r, index);
}
