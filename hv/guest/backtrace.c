/* SPDX-License-Identifier: MIT */
/* Registers and a backtrace of a guest that ended badly: by its frame pointers,
 * read through its own tables, every step bounded and checked. */
#include "hv/exit.h"
#include "hv/guest.h"
#include "hv/shadow.h"

#define FRAMES_MAX 16u

static void print_frames(struct vcpu *v)
{
    uint32_t ebp = v->regs->ebp, frame[2];

    for (uint32_t i = 0; i < FRAMES_MAX; i++) {
        if ((ebp & 3) || !gva_peek(v, frame, GVA(ebp), sizeof(frame)))
            return;
        log_always("  [<%08x>]", frame[1]);
        if (frame[0] <= ebp)
            return; /* frames of older callers lie higher */
        ebp = frame[0];
    }
}

void guest_dump(struct guest *g)
{
    struct vcpu *v = g->vcpu;
    const struct guest_regs *r = v->regs;

    log_always("guest %s: eip %04x:%08x eflags %08x trap %u err %x cr2 %08x", g->config.name,
               r->cs & 0xffff, r->eip, r->eflags, r->trapnum & 0x1ff, r->errcode,
               v->arch.loaded ? v->lgdata->cr2 : 0);
    log_always("  eax %08x ebx %08x ecx %08x edx %08x esi %08x edi %08x", r->eax, r->ebx,
               r->ecx, r->edx, r->esi, r->edi);
    log_always("  ebp %08x esp %04x:%08x ds %04x es %04x fs %04x gs %04x", r->ebp,
               r->ss & 0xffff, r->esp, r->ds & 0xffff, r->es & 0xffff, r->fs & 0xffff,
               r->gs & 0xffff);
    if (v->root)
        print_frames(v);
}
