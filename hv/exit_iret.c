/* SPDX-License-Identifier: MIT */
/* T:129 Frames to ring 3 that the CPU refuses: a segment that is gone or of the wrong
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

/* In virtual-8086 mode the CPU pushes four words more, the data segments, so that all else
 * lies that much lower (SDM 3A 20.3.1). The flag can only have come from a frame, and
 * with it no CPU would have gone anywhere else than to ring 3: #GP(0) there. */
uint32_t exit_left_vm86(struct vcpu *v)
{
    struct guest_regs *r = v->regs;

    memmove(r, (const uint32_t *)(const void *)r - 4, sizeof(*r));
    r->ds = r->es = r->fs = r->gs = 0;
    r->eflags &= ~EFLAGS_VM;
    r->cs |= 3;
    r->ss |= 3;
    reflect_user_fault(v, VEC_GP, 0);
    return r->trapnum;
}

/* The kernel's, in the window that interrupts keep out of: Linux returns to programs by
 * that one, and has no fix-up for it as it has for its own on a PC. */
bool exit_refused_return(struct vcpu *v, uint32_t vector, uint32_t err)
{
    const struct guest *g = v->guest;
    struct guest_regs *r = v->regs;
    struct {
        uint32_t eip, cs, eflags, esp, ss;
    } to;
    uint8_t opcode;

    if (r->cs != SEL_GUEST_CS || r->eip - g->noirq_start >= g->noirq_end - g->noirq_start)
        return false;
    if (!gva_read(v, &opcode, GVA(r->eip), sizeof(opcode)) || opcode != OPCODE_IRET ||
        !gva_read(v, &to, GVA(r->esp), sizeof(to)) || (to.cs & 3) != 3)
        return false;
    r->eip = to.eip;
    r->cs = to.cs & 0xffff;
    r->eflags = to.eflags;
    r->esp = to.esp;
    r->ss = to.ss & 0xffff;
    reflect_user_fault(v, vector, err);
    return true;
}
