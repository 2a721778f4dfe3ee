/* SPDX-License-Identifier: MIT */
/* What the guest announces: SET_PTE (ABI 7.5).  The
 * value in a call is a hint; guest memory decides (hv/mmu/README.md, rule 7). For one
 * geometry. */
#pragma once

#include "fault.h"
#include "hv/hcall.h"

/* One announced entry.  What counts is guest memory; the value in the call only saves
 * the fault that would follow (ABI 7.5). */
static void announce(struct shadow_mmu *m, struct shadow_table *t, uint32_t va, uint32_t lo)
{
    uint32_t gpte = entry_read(table_entry(m->guest, t, va_l1(va)));

    leaf_set(m, t, va_l1(va), (gpte ^ lo) & ~(PT_A | PT_D) ? 0 : gpte);
}

/* A temporary mapping goes, in the table that is remembered; many kernels say so twice.
 * false: this is something else. */
HV_INLINE bool unmapped(struct shadow_mmu *m, uint32_t va, uint32_t lo)
{
    struct remembered *k = &m->remembered;

    if (k->region != va >> 21 || (lo & PT_P))
        return false;
    if (entry_present(k->table, va_l1(va))) {
        leaf_replace(m, k->table, va_l1(va), 0, false);
        k->cleared = va_l1(va);
    }
    return true;
}

/* An entry of the kernel's half is every root's; most often they share one table,
 * and kernels that map high memory do this all the time. */
static void announce_kernel(struct shadow_mmu *m, uint32_t va, uint32_t lo)
{
    struct remembered *k = &m->remembered;
    struct shadow_table *last = NULL;
    uint32_t tables = 0;

    if (unmapped(m, va, lo))
        return;
    if (k->region == va >> 21) {
        announce(m, k->table, va, lo);
        return;
    }
    for (uint32_t n = 0; n < MAX_ROOTS; n++) {
        uint32_t rights;
        struct shadow_table *t = root_table(&m->roots[n], va, &rights);

        if (!t || t == last)
            continue;
        announce(m, t, va, lo);
        last = t;
        tables++;
    }
    if (tables == 1) {
        k->region = va >> 21;
        k->table = last;
        k->cleared = lo & PT_P ? ENTRIES : va_l1(va);
    }
}

/* The pgd is no root's: the table of its directory may be another's as well. */
static void announce_elsewhere(struct shadow_mmu *m, uint32_t pgd, uint32_t va)
{
    uint32_t gfn;
    struct shadow_table *t;

    if (!find_entry(m->guest, pgd, va, &gfn) || !gpage_is_table(&m->pages[gfn]))
        return; /* most are tables of a process that is being made */
    t = table_find(m, table_key(gfn, va));
    if (t)
        leaf_set(m, t, va_l1(va), 0);
}

/* One that is not of a user table of the current root, or does not say what the guest's
 * own entry says. */
static HV_NOINLINE void set_other_pte(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    struct shadow_mmu *m = v->guest->mmu;
    uint32_t lo = v->hcall_c, hi = announced_high(v->hcall_d), rights;
    const struct shadow_root *r = v->root;
    struct shadow_table *t;

    if ((lo & PT_PS) || lo > m->gpte_last || hi || va >= LAYOUT_GUEST_TOP) {
        if (pte_kills(v->guest, va, lo, hi))
            return;
        lo = 0; /* not present or not used: there is nothing to install */
    }
    if (va >= v->guest->kernel_address) {
        announce_kernel(m, va, lo);
        return;
    }
    if (r->gcr3 != pgd)
        r = m->remembered.no_root == pgd ? NULL : root_find(m, pgd);
    if (!r) {
        m->remembered.no_root = pgd;
        announce_elsewhere(m, pgd, va);
        return;
    }
    t = root_table(r, va, &rights);
    if (t)
        announce(m, t, va, lo);
}

/* An announcement for entry i of a table that is what most are: the guest's own entry, e,
 * is used and says the same, or the entry is cleared. */
HV_INLINE bool announce_same(struct shadow_mmu *m, struct shadow_table *t, uint32_t i,
                             uint32_t lo, const uint32_t *e)
{
    bool used = false;

    if (hv_likely(gpte_is_used(m, lo)) && hv_likely(entry_read(e) == lo))
        used = true;
    else if (lo & PT_P)
        return false;
    leaf_replace(m, t, i, lo, used);
    return true;
}

/* T:160 What a guest has written and says so, entry by entry. */
static void set_pte(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    struct shadow_mmu *m = v->guest->mmu;
    struct shadow_table *t = NULL;

    if (hv_likely(pgd == v->root->gcr3 && va < v->guest->kernel_address))
        t = current_table(v, va);
    else if (unmapped(m, va, v->hcall_c))
        return;
    if (hv_unlikely(!t) || announced_high(v->hcall_d) ||
        !announce_same(m, t, va_l1(va), v->hcall_c, table_entry(m->guest, t, va_l1(va))))
        set_other_pte(v, pgd, va);
}

/* The table of the last announcement, and where the guest's entries for it are. */
struct last_table {
    uint32_t region; /* or NO_REGION */
    struct shadow_table *table;
    const uint32_t *gents;
};

/* It is that of a user address in the current root, or is from now on. */
HV_INLINE bool last_table_is_of(struct last_table *last, struct vcpu *v, uint32_t va)
{
    if (hv_likely(va >> 21 == last->region))
        return true;
    last->table = va < v->guest->kernel_address ? current_table(v, va) : NULL;
    last->region = last->table ? va >> 21 : NO_REGION;
    if (!last->table)
        return false;
    last->gents = table_entry(v->guest, last->table, 0);
    return true;
}

static void set_ptes(struct vcpu *v, const struct hcall *c, uint32_t n)
{
    struct shadow_mmu *m = v->guest->mmu;
    struct last_table last = {.region = NO_REGION};
    uint32_t root = v->root->gcr3;

    for (const struct hcall *end = c + n; c != end; c++) {
        uint32_t va = hv_read_once(c->b);

        if (hv_likely(last_table_is_of(&last, v, va)) &&
            hv_likely(hv_read_once(c->a) == root) && !announced_high(c->d) &&
            hv_likely(announce_same(m, last.table, va_l1(va), hv_read_once(c->c),
                                    last.gents + va_l1(va) * ENTRY_DWORDS)))
            continue;
        v->hcall_c = hv_read_once(c->c);
        v->hcall_d = hv_read_once(c->d);
        set_other_pte(v, hv_read_once(c->a), hv_read_once(c->b));
        if (guest_is_dead(v->guest))
            return;
        last.region = NO_REGION; /* the table may be gone */
    }
}
