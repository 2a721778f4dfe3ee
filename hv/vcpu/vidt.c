/* SPDX-License-Identifier: MIT */
/* The virtual IDT keeps what the guest loaded; the shadow IDT is what the CPU
 * uses while it runs.  On the system-call vector a trap gate goes straight to ring 1 and
 * an interrupt gate through the thunk; all else comes to the monitor and is reflected. */
#include "hv/vidt.h"

#include "arch/descriptor.h"
#include "hv/arch_if.h"
#include "hv/guest.h"

/* Vectors with an error code, for which `int n` would misalign the frame (S27),
 * hardware's own, and those that only the monitor may see. */
static bool software_may_raise(uint32_t vec)
{
    if (vec >= 32)
        return false; /* hardware, the system-call vector is told apart before */
    switch (vec) {
    case VEC_NMI:
    case VEC_NM:
    case VEC_DF:
    case VEC_TS:
    case VEC_NP:
    case VEC_SS:
    case VEC_GP:
    case VEC_PF:
    case 15:
    case VEC_AC:
    case VEC_MC:
    case 21:
        return false;
    default:
        return true;
    }
}

/* T:220 What the CPU gets for a gate of the guest: a stub, its own handler, or the thunk. */
struct vidt_choice vidt_choose(uint32_t vec, uint32_t hi, bool is_syscall)
{
    uint32_t dpl = desc_dpl(hi) == 3 ? 3 : 1; /* ring 1 may always: its own */

    if (vec == GABI_HCALL_VECTOR)
        return (struct vidt_choice){VIDT_STUB, 1};
    if (!(hi & DESC_P))
        return (struct vidt_choice){VIDT_STUB, 0}; /* #GP(n*8+2), as ABI 5.3 says */
    if (is_syscall)
        return (struct vidt_choice){
            desc_type(hi) == SYS_TRAP_GATE32 ? VIDT_DIRECT : VIDT_THUNK, dpl};
    return (struct vidt_choice){VIDT_STUB, software_may_raise(vec) ? dpl : 0};
}

static bool is_syscall_vector(const struct guest *g, uint32_t vec)
{
    return g->abi && g->syscall_vec == vec;
}

static void build_gate(struct vcpu *v, uint32_t vec)
{
    struct guest *g = v->guest;
    uint32_t hi = g->vidt_hi[vec], eip = g->vidt_eip[vec];
    struct vidt_choice c = vidt_choose(vec, hi, is_syscall_vector(g, vec));
    uint64_t gate = arch_stub_gate(vec, c.dpl);

    if (c.kind == VIDT_DIRECT) {
        gate = gate_make(GABI_KERNEL_CS, eip, c.dpl, true);
    } else if (c.kind == VIDT_THUNK) {
        arch_vcpu_set_thunk(&v->arch, SW_LGDATA + (g->lguest_data & HV_PAGE_MASK), eip);
        gate = gate_make(GABI_KERNEL_CS, SW_THUNK, c.dpl, true);
    }
    arch_vcpu_set_idt(&v->arch, vec, gate);
}

void vidt_init(struct vcpu *v)
{
    for (uint32_t vec = 0; vec < 256; vec++)
        build_gate(v, vec);
}

void vidt_load(struct vcpu *v, uint32_t vec, uint32_t lo, uint32_t hi)
{
    struct guest *g = v->guest;
    uint32_t eip = (hi & 0xffff0000u) | (lo & 0xffffu);

    if (vec > 255) {
        guest_kill(g, "setting idt entry %u", vec);
        return;
    }
    if (vec == VEC_NMI || vec == VEC_DF || vec == 15 || vec == GABI_HCALL_VECTOR)
        return;
    if (!(hi & DESC_P)) {
        eip = hi = 0;
    } else if (desc_type(hi) != SYS_INT_GATE32 && desc_type(hi) != SYS_TRAP_GATE32) {
        guest_kill(g, "bad IDT type %u", desc_type(hi));
        return;
    } else {
        hi &= 0xffffef00u;
    }
    if (g->vidt_eip[vec] == eip && g->vidt_hi[vec] == hi)
        return; /* Linux loads all 256 whenever it loads the IDT */
    g->vidt_eip[vec] = eip;
    g->vidt_hi[vec] = hi;
    /* Hardware's vectors keep the stub that was there from the start, whatever the
     * guest wants of them. */
    if (vec < 32 || is_syscall_vector(g, vec))
        build_gate(v, vec);
}
