/* SPDX-License-Identifier: MIT */
/* #DB where the CPU cannot raise it for a guest: behind instructions that the
 * monitor carries out, and where MOV SS held one back until the guest had left.  One
 * #DB for each instruction, as on hardware (SDM 3B 17.3.1). */
#include "hv/exit.h"

#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/reflect.h"

void exit_debug_trap(struct vcpu *v, uint32_t dr6)
{
    if (guest_is_dead(v->guest))
        return;
    v->todo &= ~VCPU_TODO_HALTED; /* no CPU sleeps while a #DB is pending */
    arch_vcpu_add_dr6(dr6);
    reflect_plain(v, VEC_DB);
}

void exit_insn_done(struct vcpu *v, uint32_t dr6)
{
    if (v->regs->eflags & EFLAGS_TF)
        dr6 |= DR6_BS;
    if (dr6)
        exit_debug_trap(v, dr6);
}
