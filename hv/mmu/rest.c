/* SPDX-License-Identifier: MIT */
/* Tables at rest.  A flush of everything has to compare each page-table page
 * that was written, and asks the D bit of the one leaf through which the guest can
 * write there; for all pages of a large kernel that is a lot to ask, and kernels with
 * high memory flush everything at each temporary mapping. So a page that was clean at
 * many such flushes is made read-only and passed by: it is a table at rest until
 * the first write, which faults, or until the monitor writes there. It may not be
 * written meanwhile (gpage_may_write()), which keeps every new mapping read-only. */
#include "leaf.h"

void table_wake(struct shadow_mmu *m, struct shadow_table *t, bool awake)
{
    t->clean_flushes = 0;
    t->awake = awake;
    if (awake && !t->listed) {
        t->listed = true;
        t->awake_next = m->awake;
        m->awake = t;
    }
}

static void wake_page(struct shadow_mmu *m, uint32_t gfn, bool awake)
{
    uint32_t left = gpage_tables(&m->pages[gfn]);

    gpage_set_may_write(&m->pages[gfn], awake);
    for (uint32_t n = 0; n < PAGE_TABLES && left; n++) {
        struct shadow_table *t = table_of_page(m, gfn, n);

        if (!t)
            continue;
        left--;
        table_wake(m, t, awake);
    }
}

void rest_end(struct shadow_mmu *m, uint32_t gfn)
{
    if (!gpage_may_write(&m->pages[gfn]))
        wake_page(m, gfn, true);
}

void rest_begin(struct shadow_mmu *m, uint32_t gfn)
{
    struct gpage *p = &m->pages[gfn];
    uint32_t leaf = gpage_only_mapping(p);

    if (page_is_written(m, p)) /* as one of several mappings always is */
        return;
    wake_page(m, gfn, false);
    if (gpage_mappings(p) == 1) {
        struct shadow_table *t = table_by_id(m, leaf / ENTRIES);
        uint32_t rights = (uint32_t)t->ents[leaf % ENTRIES] & PT_LOW;

        leaf_set(m, t, leaf % ENTRIES, gfn << HV_PAGE_SHIFT | rights);
    }
}
