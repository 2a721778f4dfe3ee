/* SPDX-License-Identifier: MIT */
/* Linear mode (ABI 1.5), the format of no tables: until its first NEW_PGTABLE a guest
 * of 3.1 and later runs with VA == PA, everything writable and for the supervisor. The
 * shadow tables of this mode stand for no guest page and go when the mode ends. */
#include "format.h"
#include "leaf.h"
#include "root.h"

#include "hv/gmem.h"
#include "hv/hcall.h"

#define AROUND 32u

static uint32_t first_key(uint32_t gcr3)
{
    (void)gcr3;
    return KEY_LINEAR | KEY_L2 | KEY_SWITCHER | 0xc0000000u >> HV_PAGE_SHIFT;
}

/* NULL: no room. */
static struct shadow_table *linear_table(struct shadow_mmu *m, struct shadow_root *r,
                                         uint32_t va)
{
    uint32_t top = va >> 30, i = va_l2(va);
    struct shadow_table *pd = r->pd[top], *t;

    if (!pd) {
        pd = table_get(m, KEY_LINEAR | KEY_L2 | (top << 18));
        if (!pd)
            return NULL;
        root_set_pd(m, r, top, pd);
    }
    if (entry_present(pd, i))
        return table_of(pd->ents[i]);
    t = table_get(m, KEY_LINEAR | (va >> 21 << 9));
    if (t)
        link_set(m, pd, i, t, PT_RW);
    return t;
}

static uint32_t fault(struct vcpu *v, gva_t gva, uint32_t hw_err)
{
    struct guest *g = v->guest;
    uint32_t va = gva.v, gfn = va >> HV_PAGE_SHIFT;
    struct shadow_table *t;

    if (hw_err & PT_US)
        return (hw_err & (PT_RW | PT_US)) | PF_ERR_P; /* everything is the supervisor's */
    if (va >= LAYOUT_GUEST_TOP)
        return hw_err & PT_RW;
    if (gfn >= g->limit_pages) {
        guest_kill(g, "bad page table entry (linear address %#x is beyond memory)", va);
        return SHADOW_FILLED;
    }
    while ((t = linear_table(g->mmu, v->root, va)) == NULL)
        pool_make_room(v);
    (void)gmem_frame(g, GFN(gfn));
    gfn &= ~(AROUND - 1);
    for (uint32_t n = gfn; n < gfn + AROUND && n < g->limit_pages; n++)
        leaf_set(g->mmu, t, n & (ENTRIES - 1),
                 n << HV_PAGE_SHIFT | PT_P | PT_RW | PT_A | PT_D);
    return SHADOW_FILLED;
}

static void set_pte(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    (void)pgd;
    (void)pte_kills(v->guest, va, v->hcall_c, v->guest->pae ? v->hcall_d : 0);
}

static void set_ptes(struct vcpu *v, const struct hcall *calls, uint32_t n)
{
    for (uint32_t i = 0; i < n && !guest_is_dead(v->guest); i++) {
        v->hcall_c = hv_read_once(calls[i].c);
        v->hcall_d = hv_read_once(calls[i].d);
        set_pte(v, hv_read_once(calls[i].a), hv_read_once(calls[i].b));
    }
}

static void set_directory(struct shadow_mmu *m, uint32_t page, uint32_t index)
{
    (void)m;
    (void)page;
    (void)index;
}

static void flush(struct vcpu *v)
{
    (void)v;
}

/* The first table: here the format is chosen. */
static void new_pgtable(struct vcpu *v, uint32_t gcr3)
{
    if (cr3_kills(v->guest, gcr3, v->guest->pae ? 31u : HV_PAGE_MASK))
        return;
    leave_linear_mode(v);
    shadow_new_pgtable(v, gcr3);
}

static bool look(const struct guest *g, uint32_t gcr3, uint32_t va, uint32_t *gpte)
{
    (void)g;
    (void)gcr3;
    *gpte = (va & ~HV_PAGE_MASK) | PT_P;
    return true;
}

const struct table_format format_linear = {
    .top_entries = 1024, /* SET_PGD and the others name tables that nobody uses yet */
    .first_key = first_key,
    .calls = {fault, new_pgtable, set_pte, set_ptes},
    .set_pgd = set_directory,
    .set_pmd = set_directory,
    .flush_user = flush,
    .flush_all = flush,
    .look = look,
};
