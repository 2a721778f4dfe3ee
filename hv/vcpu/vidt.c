/* SPDX-License-Identifier: MIT */
/* T:250 The virtual IDT keeps what the guest loaded; the shadow IDT is what the CPU
 * uses while it runs.  A trap gate on a vector of the direct mask goes straight
 * to ring 1; an interrupt gate on the system-call vector goes through the
 * thunk; all else comes to the monitor and is reflected. */
#include "hv/vidt.h"

#include "hv/arch_if.h"
#include "hv/guest.h"

#define GATE_P HV_BIT(15)
#define GATE_TYPE(hi) (((hi) >> 8) & 0xf)
#define GATE_DPL(hi) (((hi) >> 13) & 3)
#define TYPE_INT 0xeu
#define TYPE_TRAP 0xfu

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

/* Vectors whose gate may be given to ring 1 as it is, if the mask says so. */
static bool may_go_direct(uint32_t vec, bool uses_vmcall)
{
    switch (vec) {
    case VEC_DB: /* filtered by the monitor */
    case GABI_HCALL_VECTOR:
        return false;
    case VEC_UD:
        return !uses_vmcall;
    default:
        return software_may_raise(vec);
    }
}

struct vidt_choice vidt_choose(uint32_t vec, uint32_t hi, bool direct_allowed,
                               bool is_syscall, bool uses_vmcall)
{
    struct vidt_choice c = {VIDT_STUB, 0};
    bool present = (hi & GATE_P) != 0;
    uint32_t dpl = GATE_DPL(hi) == 3 ? 3 : 1; /* ring 1 may always: its own */

    if (vec == GABI_HCALL_VECTOR) {
        c.dpl = 1;
        return c;
    }
    if (!present)
        return c; /* DPL 0: #GP(n*8+2), as ABI 5.3 says */
    if (is_syscall) {
        c.kind = GATE_TYPE(hi) == TYPE_TRAP ? VIDT_DIRECT : VIDT_THUNK;
        c.dpl = dpl;
        return c;
    }
    if (direct_allowed && GATE_TYPE(hi) == TYPE_TRAP && may_go_direct(vec, uses_vmcall))
        c.kind = VIDT_DIRECT;
    if (software_may_raise(vec))
        c.dpl = dpl;
    return c;
}

static bool is_syscall_vector(const struct guest *g, uint32_t vec)
{
    return g->abi && g->syscall_vec == vec;
}

static void build_gate(struct vcpu *v, uint32_t vec)
{
    struct guest *g = v->guest;
    uint32_t hi = g->vidt_hi[vec], eip = g->vidt_eip[vec];
    bool direct = (g->direct_mask[vec / 32] >> (vec % 32)) & 1;
    struct vidt_choice c =
        vidt_choose(vec, hi, direct, is_syscall_vector(g, vec), g->uses_vmcall);
    uint64_t gate = arch_stub_gate(vec, c.dpl);

    if (c.kind == VIDT_DIRECT) {
        uint32_t real = (hi & ~(3u << 13)) | (c.dpl << 13);

        gate = ((uint64_t)real << 32) | (uint32_t)GABI_KERNEL_CS << 16 | (eip & 0xffffu);
    } else if (c.kind == VIDT_THUNK) {
        arch_vcpu_set_thunk(&v->arch, SW_LGDATA + (g->lguest_data & HV_PAGE_MASK), eip);
        gate = arch_thunk_gate(c.dpl);
    }
    arch_vcpu_set_idt(&v->arch, vec, gate);
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
    if (!(hi & GATE_P)) {
        eip = hi = 0;
    } else if (GATE_TYPE(hi) != TYPE_INT && GATE_TYPE(hi) != TYPE_TRAP) {
        guest_kill(g, "bad IDT type %u", GATE_TYPE(hi));
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

bool vidt_present(const struct guest *g, uint32_t vector)
{
    return (g->vidt_hi[vector] & GATE_P) != 0;
}

uint32_t vidt_handler(const struct guest *g, uint32_t vector)
{
    return g->vidt_eip[vector];
}

bool vidt_is_interrupt_gate(const struct guest *g, uint32_t vector)
{
    return GATE_TYPE(g->vidt_hi[vector]) == TYPE_INT;
}
