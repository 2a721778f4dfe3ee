/* SPDX-License-Identifier: MIT */
/* Hypercalls (ABI section 2) and the asynchronous ring (2.4). */
#pragma once

#include "guest-abi/hcall.h"
#include "hv/vcpu.h"

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

/* What v->hcall_status points to before INIT. */
extern const uint8_t hcall_look_closer[64];

HV_COLD void hcall_bad(struct vcpu *v, uint32_t nr);

/* Executes one hypercall after INIT; everything invalid kills. */
HV_INLINE void hcall_execute(struct vcpu *v, uint32_t nr, uint32_t a, uint32_t b)
{
    if (hv_likely(nr <= GABI_HCALL_MAX))
        hcall_table[nr & 31u](v, a, b);
    else
        hcall_bad(v, nr);
}

/* The call that the guest makes by int 0x1f, from 2.6.30 on. */
HV_INLINE void hcall_direct(struct vcpu *v)
{
    const struct guest_regs *r = v->regs;

    v->hcall_c = r->edx;
    v->hcall_d = r->esi;
    hcall_execute(v, r->eax, r->ebx, r->ecx);
}

/* Runs pending ring entries in cursor order: all that are there, at most 64 or as
 * many as end at the next multiple of 16. false: one of them killed the guest. */
bool ring_run(struct vcpu *v);

/* The same and then the direct call. */
void hcall_after_ring(struct vcpu *v);

/* That for a guest which has not said INIT, or is of 2.6.30 or before. */
void hcall_old(struct vcpu *v);

/* The ones that need more than a line; hv/vcpu/hcall_args.c. */
void hcall_new_pgtable(HCALL_ARGS);
void hcall_set_stack_slow(HCALL_ARGS);
void hcall_load_tls_slow(HCALL_ARGS);
void hcall_load_gdt(HCALL_ARGS);
void hcall_load_gdt_entry(HCALL_ARGS);
void hcall_shutdown(HCALL_ARGS);

/* SET_STACK with arguments that were checked. */
void hcall_use_stack(struct vcpu *v, uint32_t ss1, uint32_t esp1);

/* The first hypercall (hv/vcpu/hcall_init.c): finds the ABI row and does INIT (ABI 3.3, 3.4). */
void hcall_first(struct vcpu *v);
