/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: roots, the four directories that a CR3 of the guest stands for. */
#pragma once

#include "mmu.h"

struct shadow_root *root_search(struct shadow_mmu *m, uint32_t gcr3);

/* The root of a CR3 of the guest's; NULL: there is none. */
HV_INLINE struct shadow_root *root_find(struct shadow_mmu *m, uint32_t gcr3)
{
    struct shadow_root *r = m->root_guess[(gcr3 >> HV_PAGE_SHIFT) % MAX_ROOTS];

    if (hv_unlikely(gcr3 == NO_CR3))
        return NULL;
    return hv_likely(r->gcr3 == gcr3) ? r : root_search(m, gcr3);
}

/* The only writers of top-level entries: directory i of a root. A root keeps one for the
 * top GiB, where the switcher is. */
void root_set_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i,
                 struct shadow_table *pd);
void root_drop_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i);

/* Roots other than this one that have the page as a directory go. */
void root_drop_users(struct shadow_mmu *m, const struct shadow_root *but, uint32_t gfn);

/* Makes room: the least recently used root, else everything. */
void pool_make_room(struct vcpu *v);
