/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: roots, the four directories that a CR3 of the guest stands for. */
#pragma once

#include "remember.h"

struct shadow_root *root_search(struct shadow_mmu *m, uint32_t gcr3);

/* The root of a CR3 of the guest's; NULL: there is none. */
HV_INLINE struct shadow_root *root_find(struct shadow_mmu *m, uint32_t gcr3)
{
    struct shadow_root *r = m->root_guess[(gcr3 >> HV_PAGE_SHIFT) % MAX_ROOTS];

    if (hv_unlikely(gcr3 == NO_CR3))
        return NULL;
    return hv_likely(r->gcr3 == gcr3) ? r : root_search(m, gcr3);
}

/* NEW_PGTABLE of what is no page of the guest's, or has bits that must be 0: true, and the
 * guest is killed. */
bool cr3_kills(struct guest *g, uint32_t gcr3, uint32_t reserved);

/* Makes one for a CR3 that has none. */
struct shadow_root *root_make(struct vcpu *v, uint32_t gcr3);

/* The stack of the last SET_STACK is known to be pinned in the current root, or looked
 * after before the next entry. */
HV_INLINE void check_pin(struct vcpu *v, const struct shadow_mmu *m,
                         const struct shadow_root *r)
{
    if (hv_likely(r->pin_esp1 == v->esp1 && r->pin_pages == v->stack_pages &&
                  r->pin_gen == m->remembered.pin_gen))
        v->todo &= ~VCPU_TODO_PIN;
    else
        v->todo |= VCPU_TODO_PIN;
}

HV_INLINE void use_root(struct vcpu *v, struct shadow_root *r)
{
    struct shadow_mmu *m = v->guest->mmu;

    v->root = r;
    forget(m, ROOT_CHANGED);
    r->used_stamp = ++m->stamp;
    v->arch.cr3 = r->hcr3;
    check_pin(v, m, r);
}

/* From now on the guest's tables are of this format, and none of linear mode is left. */
void leave_linear_mode(struct vcpu *v);

/* The only writers of top-level entries: directory i of a root. A root keeps one for the
 * top GiB, where the switcher is. */
void root_set_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i,
                 struct shadow_table *pd);
void root_drop_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i);

/* Roots other than this one that have the page as a directory go. */
void root_drop_users(struct shadow_mmu *m, const struct shadow_root *but, uint32_t gfn);

/* Makes room: the least recently used root, else everything. */
void pool_make_room(struct vcpu *v);
