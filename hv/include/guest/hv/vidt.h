/* SPDX-License-Identifier: MIT */
/* The guest's IDT and the shadow IDT built from it (docs/architecture.md, "Traps"). */
#pragma once

#include "arch/descriptor.h"
#include "hv/guest.h"

/* The IDT a guest starts with: all gates lead to the monitor. */
void vidt_init(struct vcpu *v);

/* LOAD_IDT_ENTRY (ABI 5.2); kills on a vector above 255 or a type that is
 * neither interrupt nor trap gate. After INIT, which names the system-call vector:
 * a real gate is built when it is loaded and never again. */
void vidt_load(struct vcpu *v, uint32_t vector, uint32_t lo, uint32_t hi);

/* How the real gate of a vector must look: pure, for the unit test. */
enum vidt_kind { VIDT_STUB, VIDT_DIRECT, VIDT_THUNK };
struct vidt_choice {
    enum vidt_kind kind;
    uint32_t dpl;
};
struct vidt_choice vidt_choose(uint32_t vector, uint32_t guest_hi, bool is_syscall);

/* The guest has a gate for the vector. */
static inline bool vidt_present(const struct guest *g, uint32_t vector)
{
    return g->vidt_hi[vector] & DESC_P;
}
