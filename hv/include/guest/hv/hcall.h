/* SPDX-License-Identifier: MIT */
/* Hypercalls (ABI section 2) and the asynchronous ring (2.4). */
#pragma once

#include "guest-abi/hcall.h"
#include "hv/guest.h"

/* A hypercall and its arguments, as it lies in the ring of 2.6.31 and later. */
struct hcall {
    uint32_t nr, a, b, c, d;
};

/* One hypercall's work. The first two arguments come as such, the others in
 * v->hcall_c and v->hcall_d, so that a call is a jump; surplus ones are ignored. */
#define HCALL_UNUSED __attribute__((unused))
#define HCALL_ARGS \
    struct vcpu *v HCALL_UNUSED, uint32_t a HCALL_UNUSED, uint32_t b HCALL_UNUSED
typedef void (*hcall_fn_t)(HCALL_ARGS);

/* By number; those that do not exist kill. 32 entries, so that an index can be
 * masked and a mispredicted check reads nothing else. */
extern const hcall_fn_t hcall_table[32];

HV_COLD void hcall_bad(struct vcpu *v, uint32_t nr);

/* Executes one hypercall after INIT; everything invalid kills. */
HV_INLINE void hcall_execute(struct vcpu *v, uint32_t nr, uint32_t a, uint32_t b)
{
    if (hv_likely(nr <= GABI_HCALL_MAX))
        hcall_table[nr & 31u](v, a, b);
    else
        hcall_bad(v, nr);
}

/* The call that the guest makes itself: arguments where its row has them. */
HV_INLINE void hcall_direct(struct vcpu *v)
{
    const struct guest_regs *r = v->regs;

    if (hv_unlikely(v->guest->abi->edx_order)) {
        v->hcall_c = r->ecx;
        hcall_execute(v, r->eax, r->edx, r->ebx);
        return;
    }
    v->hcall_c = r->edx;
    v->hcall_d = r->esi;
    hcall_execute(v, r->eax, r->ebx, r->ecx);
}

/* After INIT: the next entry of the ring is pending. */
HV_INLINE bool ring_is_pending(const struct vcpu *v)
{
    const volatile uint8_t *data = (const volatile uint8_t *)v->lgdata;

    return data[v->guest->abi->hcall_status + v->ring_cursor] != GABI_SLOT_FREE;
}

/* Runs pending ring entries in cursor order, at most 64, and then the call itself; but
 * nothing more once one of them, or what came between two, has killed the guest. */
void hcall_after_ring(struct vcpu *v);

/* The ones with arguments to check; hv/vcpu/hcall_args.c. */
void hcall_new_pgtable(HCALL_ARGS);
void hcall_set_stack(HCALL_ARGS);
void hcall_load_tls(HCALL_ARGS);
void hcall_load_gdt(HCALL_ARGS);
void hcall_load_gdt_entry(HCALL_ARGS);
void hcall_shutdown(HCALL_ARGS);

/* The first hypercall (hv/vcpu/hcall_init.c): finds the ABI row and does INIT (ABI 3.3, 3.4). */
void hcall_first(struct vcpu *v);
