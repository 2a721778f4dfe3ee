/* SPDX-License-Identifier: MIT */
/* T:305 The format of guest tables without PAE. */
#include "geometry_2level.h"

#include "announce.h"

static uint32_t first_key(uint32_t gcr3)
{
    return dir_key(gcr3 >> HV_PAGE_SHIFT, 0xc0000000u);
}

static void reload(struct shadow_mmu *m, struct shadow_root *r)
{
    compare_if_written(m, r->gcr3 >> HV_PAGE_SHIFT);
}

static void set_pgd(struct shadow_mmu *m, uint32_t pgd, uint32_t index)
{
    set_pmd(m, pgd, index); /* there is one directory */
}

const struct table_format format_2level = {
    .top_entries = TOP_ENTRIES,
    .cr3_reserved = CR3_RESERVED,
    .first_key = first_key,
    .fault = fault,
    .set_pte = set_pte,
    .set_ptes = set_ptes,
    .set_pgd = set_pgd,
    .set_pmd = set_pmd,
    .flush_user = flush_user,
    .flush_all = flush_all,
    .reload = reload,
    .first_entry = first_entry,
    .look = look,
};
