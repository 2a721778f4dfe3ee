/* SPDX-License-Identifier: MIT */
/* The one text that both formats are compiled from, over the geometry that was included
 * before, and its table of functions under the name FORMAT. */
#pragma once

#include "announce.h"
#include "flush.h"

const struct table_format FORMAT = {
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
