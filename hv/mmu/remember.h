/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: what is remembered between exits, in struct remembered and struct
 * vcpu_shadow, and when it is forgotten. Nothing here is needed; the audit compares it
 * with a look. */
#pragma once

#include "mmu.h"

enum forget_reason {
    ROOT_ADDED,
    ROOT_CHANGED, /* another one is current */
    LINK_ADDED,
    LINK_GONE, /* or has other rights */
    PIN_GONE,  /* a leaf in a table with pinned pages went, or the right to write there */
};

HV_INLINE void forget(struct shadow_mmu *m, enum forget_reason why)
{
    struct remembered *r = &m->remembered;
    struct vcpu *v = m->vcpu;

    if (why == ROOT_ADDED)
        r->no_root = NO_CR3;
    if (why != PIN_GONE && why != ROOT_ADDED)
        r->nr_user_pages = 0;
    if (why == ROOT_CHANGED || why == LINK_GONE) {
        v->shadow.region = NO_REGION;
        v->shadow.written_va = 1;
    }
    if (why == ROOT_ADDED || why == LINK_ADDED || why == LINK_GONE)
        r->region = NO_REGION;
    if (why == LINK_GONE || why == PIN_GONE) {
        r->pin_gen++;
        v->todo |= VCPU_TODO_PIN;
    }
}
