/* SPDX-License-Identifier: MIT */
/* Frames to ring 3 that the CPU refuses: a segment that is gone or of the wrong
 * kind, or EIP beyond the limit.  A program can make one with a signal frame or a
 * segment of its own, and on a PC it gets a signal for it, so here it has that fault
 * itself: its kernel sees #GP, #NP or #SS at the instruction where it was to go on. */
#include "hv/exit.h"

#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/reflect.h"
#include "hv/shadow.h"
#include "hv/string.h"

#define OPCODE_IRET 0xcfu

/* The monitor's own IRET. */
void exit_bad_iret(struct vcpu *v)
{
    const struct guest_regs *r = v->regs;
    uint32_t vector = r->errcode >> 16;

    if ((r->cs & r->ss & 3) == 3 && vector >= VEC_TS && vector <= VEC_GP)
        reflect_user_fault(v, vector, r->errcode & 0xffff);
    else
        guest_kill(v->guest, "cannot return to cs=%#x ss=%#x at %#x: bad segment", r->cs,
                   r->ss, r->eip);
}

/* There is no virtual-8086 mode here: a frame with VM goes to ring 3, to #GP(0). */
static void fault_of_vm86(struct vcpu *v)
{
    struct guest_regs *r = v->regs;

    r->eflags &= ~EFLAGS_VM;
    r->cs |= 3;
    r->ss |= 3;
    reflect_user_fault(v, VEC_GP, 0);
}

/* In that mode the CPU pushes four words more, the data segments, so that all else lies
 * that much lower (SDM 3A 20.3.1). */
uint32_t exit_left_vm86(struct vcpu *v)
{
    struct guest_regs *r = v->regs;

    memmove(r, (const uint32_t *)(const void *)r - 4, sizeof(*r));
    r->ds = r->es = r->fs = r->gs = 0;
    fault_of_vm86(v);
    return r->trapnum;
}

/* The kernel's, in the window that interrupts keep out of: Linux returns to programs by
 * that one, and has no fix-up for it as it has for its own on a PC. */
bool exit_refused_return(struct vcpu *v, uint32_t vector, uint32_t err)
{
    const struct guest *g = v->guest;
    struct guest_regs *r = v->regs;
    struct {
        uint32_t eip, cs, eflags;
    } to;
    uint32_t stack[2]; /* ESP, SS: there if it goes to ring 3 */
    uint8_t opcode;

    if (r->cs != GABI_KERNEL_CS || r->ss != v->flat_ss || !guest_in_noirq_window(g, r->eip))
        return guest_is_dead(g);
    if (!gva_read(v, &opcode, GVA(r->eip), sizeof(opcode)) || opcode != OPCODE_IRET ||
        !gva_read(v, &to, GVA(r->esp), sizeof(to)) ||
        ((to.cs & 3) != 3 && !(to.eflags & EFLAGS_VM)) ||
        !gva_read(v, stack, GVA(r->esp + sizeof(to)), sizeof(stack)))
        return guest_is_dead(g);
    r->eip = to.eip;
    r->cs = to.cs & 0xffff;
    r->eflags = to.eflags;
    r->esp = stack[0];
    r->ss = stack[1] & 0xffff;
    if (to.eflags & EFLAGS_VM)
        fault_of_vm86(v);
    else
        reflect_user_fault(v, vector, err);
    return true;
}
