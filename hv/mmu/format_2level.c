/* SPDX-License-Identifier: MIT */
/* The format of guest tables without PAE. */
#include "geometry_2level.h"

#include "announce.h"
#include "flush.h"

const struct table_format format_2level = {
    .top_entries = TOP_ENTRIES,
    .first_key = first_key,
    .calls = {fault, new_pgtable, set_pte, set_ptes},
    .set_pgd = set_pgd,
    .set_pmd = forget_pde,
    .flush_user = flush_user,
    .flush_all = flush_all,
    .first_entry = first_entry,
    .look = look,
};
