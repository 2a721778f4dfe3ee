/* SPDX-License-Identifier: MIT */
/* What the parts of the audit share: what is audited, and how a difference is told. */
#pragma once

#include "mmu.h"

struct audit {
    struct guest *g;
    struct shadow_mmu *m;
    uint32_t bad;
};

/* Both count a difference and tell of the first few: an entry of a table; anything else,
 * with a number that says where. */
void audit_differs(struct audit *a, const struct shadow_table *t, uint32_t i,
                   const char *what);
void audit_wrong(struct audit *a, const char *what, uint32_t where);

/* Roots and what is remembered, once all entries are known to be right. */
void audit_remembered(struct audit *a);
