/* SPDX-License-Identifier: MIT */
/* The part of the audit that goes by the entries of the tables, which are right then:
 * roots, the pinned stack and everything that is remembered between exits. */
#include "audit.h"

#include "hv/arch_if.h"

/* The leaf of va in the current root, and the table it is in. */
static uint64_t current_leaf(const struct audit *a, uint32_t va, uint64_t *pde,
                             const struct shadow_table **table)
{
    const struct shadow_table *pd = a->g->vcpu->root->pd[va >> 30];

    *table = NULL;
    *pde = pd ? pd->ents[(va >> 21) & 511] : 0;
    if (!(*pde & 1))
        return 0;
    *table = (const struct shadow_table *)frame_owner[(uint32_t)(*pde >> 12)];
    return (*table)->ents[(va >> 12) & 511];
}

/* A pinned stack is there, as the run loop takes it to be. */
static void check_stack(struct audit *a)
{
    const struct vcpu *v = a->g->vcpu;
    const struct shadow_root *r = v->root;
    const struct shadow_table *t;
    uint64_t pde, ent;

    if ((v->todo & VCPU_TODO_PIN) || r->pin_gen != a->m->remembered.pin_gen ||
        r->pin_esp1 != v->esp1 || r->pin_pages != v->stack_pages)
        return;
    for (uint32_t i = 0; i < v->stack_pages; i++) {
        ent = current_leaf(a, v->esp1 - 1 - i * 4096, &pde, &t);
        if (!(ent & pde & 1) || !(ent & pde & 2))
            audit_wrong(a, "a pinned page of the stack is not writable", v->esp1 - 1 - i * 4096);
        else if (!t->pinned)
            audit_wrong(a, "a table with pinned pages does not say so", v->esp1 - 1 - i * 4096);
    }
}

/* The directory entry of a root for a region of 2 MiB, or 0. */
static uint64_t link_in(const struct shadow_root *r, uint32_t region)
{
    const struct shadow_table *pd = r->in_use ? r->pd[region >> 9] : NULL;

    return pd ? pd->ents[region & 511] : 0;
}

/* A root has the directories that its page, or the top-level entries as they were read,
 * said. */
static void check_root(struct audit *a, const struct shadow_root *r, uint32_t n)
{
    if (r->gcr3 == NO_CR3 || r->gcr3 == a->m->remembered.no_root)
        audit_wrong(a, "a root that is not found", n);
    for (uint32_t i = 0; i < n; i++) {
        if (a->m->roots[i].gcr3 == r->gcr3)
            audit_wrong(a, "two roots of one CR3", n);
    }
    if (!r->pd[3] || !(r->pd[3]->key & KEY_SWITCHER))
        audit_wrong(a, "a root without the switcher", n);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t key = r->pd[i] ? r->pd[i]->key : KEY_LINEAR, page = r->gcr3 >> 12;

        if (a->g->pae)
            page = r->raw[i] >> 12;
        if ((key & KEY_LINEAR) ? r->raw[i] != 0 || (r->pd[i] && i != 3)
                               : (key & KEY_GFN) != page ||
                                     (a->g->pae && r->raw[i] != (page << 12 | 1)))
            audit_wrong(a, "a root with a directory that is not its own", n << 2 | i);
    }
}

static void check_roots(struct audit *a)
{
    for (uint32_t n = 0; n < MAX_ROOTS; n++) {
        if (a->m->roots[n].in_use)
            check_root(a, &a->m->roots[n], n);
        else if (a->m->roots[n].gcr3 != NO_CR3)
            audit_wrong(a, "a root that is found and not in use", n);
    }
}

/* The table of the last fault and the leaf of the last write are those that the current
 * root has there. */
static void check_last(struct audit *a)
{
    const struct vcpu_shadow *s = &a->g->vcpu->shadow;
    const struct shadow_table *t;
    uint64_t pde;

    if (s->region != NO_REGION) {
        current_leaf(a, s->region << 21, &pde, &t);
        if (!t || t != s->table || (pde & 6) != (s->rights & 6))
            audit_wrong(a, "the last table is not linked there", s->region << 21);
    }
    if (s->written_va != 1) {
        current_leaf(a, s->written_va, &pde, &t);
        if (!t || !(pde & 2) || s->written_leaf != &t->ents[s->written_va >> 12 & 511])
            audit_wrong(a, "the page of the last write has another leaf", s->written_va);
    }
}

/* Every page that the user half of the current root is built from is listed for a flush. */
static void check_user_pages(struct audit *a)
{
    const struct shadow_root *r = a->g->vcpu->root;
    const struct remembered *list = &a->m->remembered;

    for (uint32_t i = 0; list->nr_user_pages && i < a->g->kernel_address >> 21; i++) {
        const struct shadow_table *pd = r->pd[i / 512], *t;
        bool found = false, found_dir = false;

        if (!pd || (pd->key & KEY_LINEAR) || !(pd->ents[i % 512] & 1))
            continue;
        t = (const struct shadow_table *)frame_owner[pd->ents[i % 512] >> 12];
        for (uint32_t n = 0; n < list->nr_user_pages; n++) {
            found |= list->user_page[n].page == &a->g->pages[t->key & KEY_GFN];
            found_dir |= list->user_page[n].page == &a->g->pages[pd->key & KEY_GFN];
        }
        if (!found || !found_dir)
            audit_wrong(a, "a user table or its directory is not listed", i << 21);
    }
}

/* No root has another table where SET_PTE believes that all share one. */
static void check_kernel(struct audit *a)
{
    const struct remembered *k = &a->m->remembered;
    bool found = k->region == NO_REGION;

    for (uint32_t n = 0; k->region != NO_REGION && n < MAX_ROOTS; n++) {
        uint64_t pde = link_in(&a->m->roots[n], k->region);

        if (!(pde & 1))
            continue;
        found = true;
        if (frame_owner[(uint32_t)(pde >> 12)] != (uintptr_t)k->table)
            audit_wrong(a, "a root has a kernel table of its own", k->region << 21);
    }
    if (!found)
        audit_wrong(a, "the kernel table of all roots is in none", k->region << 21);
}

void audit_remembered(struct audit *a)
{
    check_last(a);
    check_stack(a);
    if (a->g->linear)
        return;
    check_roots(a);
    check_user_pages(a);
    check_kernel(a);
}
