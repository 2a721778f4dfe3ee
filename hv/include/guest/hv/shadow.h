/* SPDX-License-Identifier: MIT */
/* Shadow paging (docs/architecture.md, "Memory"): what the rest of hv/ may ask of it.  The
 * rules that make it exact are in hv/mmu/README.md. */
#pragma once

#include "guest-abi/hcall.h"
#include "hv/addr.h"
#include "hv/frame.h"
#include "hv/pt.h"
#include "hv/vcpu.h"

struct guest;
struct gpage;
struct hcall;

/* What most exits are for, by the format of the guest's tables. */
struct shadow_calls {
    uint32_t (*fault)(struct vcpu *v, gva_t va, uint32_t hw_err);
    void (*new_pgtable)(struct vcpu *v, uint32_t gcr3);
    void (*set_pte)(struct vcpu *v, uint32_t pgd, uint32_t va);
    void (*set_ptes)(struct vcpu *v, const struct hcall *calls, uint32_t n);
};

/* Builds the cache and the first (linear or boot) root; g->vcpu exists.
 * 0 or -HV_ENOMEM. */
int shadow_create(struct guest *g) HV_MUST_CHECK;
void shadow_destroy(struct guest *g);

/* A page fault of the guest at va with the hardware's error code.  SHADOW_FILLED:
 * the shadow was filled (or the guest killed), go on.  Else it is the guest's own
 * fault, and this the error code it gets (ABI 7.3). */
#define SHADOW_FILLED 0xffffffffu
HV_INLINE uint32_t shadow_fault(struct vcpu *v, gva_t va, uint32_t hw_err)
{
    return v->shadow.calls->fault(v, va, hw_err);
}

/* Hypercalls (ABI 7.4 to 7.6); bad arguments kill the guest. */
HV_INLINE void shadow_new_pgtable(struct vcpu *v, uint32_t gcr3)
{
    v->shadow.calls->new_pgtable(v, gcr3);
}

/* The entry is in v->hcall_c (low dword) and v->hcall_d (high, PAE). */
HV_INLINE void shadow_set_pte(struct vcpu *v, uint32_t pgd, uint32_t va)
{
    v->shadow.calls->set_pte(v, pgd, va);
}

/* The same for n calls that lie in guest memory, until one kills. */
HV_INLINE void shadow_set_ptes(struct vcpu *v, const struct hcall *calls, uint32_t n)
{
    v->shadow.calls->set_ptes(v, calls, n);
}

void shadow_set_pgd(struct vcpu *v, uint32_t pgd, uint32_t index);
void shadow_set_pmd(struct vcpu *v, uint32_t pmd, uint32_t index);
void shadow_flush_user(struct vcpu *v);
void shadow_flush_all(struct vcpu *v);

/* Drops every shadow and starts with an empty root for the same CR3. */
void shadow_drop_all(struct vcpu *v);

/* Sets VCPU_TODO_PIN unless the vCPU's stack is known to be pinned in its root. */
void shadow_check_pin(struct vcpu *v);

/* The stack pages of the last SET_STACK are present and writable in the
 * current root (ABI 7.7). false: the guest was killed. */
bool shadow_pin_stack(struct vcpu *v) HV_MUST_CHECK;

/* Reads or writes len bytes at a linear address as ring 1 would, filling on
 * demand, page by page. false: not mapped so; nothing was killed. A write is
 * all or nothing within each page. */
bool gva_read(struct vcpu *v, void *dst, gva_t src, uint32_t len) HV_MUST_CHECK;
bool gva_write(struct vcpu *v, gva_t dst, const void *src,
               uint32_t len) HV_MUST_CHECK;

/* The instruction bytes at a linear address that the guest is executing: at least
 * two in this page, or NULL. Good until the next call of anything here. */
const uint8_t *gva_code_ptr(struct vcpu *v, gva_t at);

/* Reads what the guest's tables map there now, changing and killing nothing,
 * not even for a dead guest: for backtraces. */
bool gva_peek(struct vcpu *v, void *dst, gva_t src, uint32_t len) HV_MUST_CHECK;

/* Like gva_write, but also where ring 1 may only read: for patching vmcall in
 * the guest's own text. The page must be the guest's alone. */
bool gva_patch(struct vcpu *v, gva_t dst, const void *src, uint32_t len)
    HV_MUST_CHECK;

/* The same by a look at the tables, or NULL. */
void *gva_find_writable(struct vcpu *v, gva_t dst);

/* A pointer to one aligned-enough word range inside one page that ring 1 may
 * write, or NULL. Good until the next call of anything here. */
HV_INLINE void *gva_write_ptr(struct vcpu *v, gva_t dst)
{
    uint32_t *leaf = (uint32_t *)v->shadow.written_leaf;

    if (hv_unlikely(v->shadow.written_va != gva_page(dst) ||
                    (leaf[0] & (PT_P | PT_RW)) != (PT_P | PT_RW)))
        return gva_find_writable(v, dst);
    leaf[0] |= PT_D; /* as the CPU would */
    return (uint8_t *)frame_ptr(HFN(leaf[0] >> HV_PAGE_SHIFT | leaf[1] << (32 - HV_PAGE_SHIFT))) +
           gva_offset(dst);
}

/* For gmem.c: the monitor wrote to this guest page. */
void shadow_note_write(struct guest *g, gfn_t f);

/* For arch_vcpu_map_lguest_data: the frame has a writable alias in the
 * switcher area from now on. */
void shadow_note_alias(struct guest *g, gfn_t f);

/* Compares every present shadow entry, link, reverse-map entry and count with
 * a reference walk. true: all well; else what differs was logged. */
bool shadow_audit(struct guest *g) HV_MUST_CHECK;

/* Frames the shadow of g takes now (tables, metadata), for `info`. */
uint32_t shadow_overhead_frames(const struct guest *g);
void shadow_print(struct guest *g);

/* At boot: the array that tells each frame's guest page. */
void rmap_init(void);
