/* SPDX-License-Identifier: MIT */
/* T:240 Virtual interrupts (ABI 9).  A raise sets a pending bit; before each entry at
 * most one goes in, lowest line first, if the guest's own state allows. */
#include "hv/virq.h"

#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/lgdata.h"
#include "hv/reflect.h"
#include "hv/sched.h"
#include "hv/vidt.h"
#include "hv/vtime.h"

void virq_raise(struct guest *g, uint32_t line)
{
    struct vcpu *v = g->vcpu;

    if (line >= VIRQ_LINES || !v)
        return;
    v->irq_pending |= 1u << line;
    v->attention |= VCPU_ATTN_VIRQ;
    sched_wake(v);
}

enum virq_action virq_decide(uint32_t pending, uint32_t blocked,
                             uint32_t irq_enabled, bool halted, bool in_window,
                             bool gate_present, uint32_t *line)
{
    uint32_t can = pending & ~blocked;

    if (!can)
        return VIRQ_NONE;
    *line = (uint32_t)__builtin_ctz(can);
    if (in_window)
        return VIRQ_POSTPONE;
    if (!halted && !(irq_enabled & EFLAGS_IF))
        return VIRQ_MARK_PENDING;
    return gate_present ? VIRQ_INJECT : VIRQ_POSTPONE;
}

/* No interrupt between "flag set" and "iret done" (ABI 4.3), nor in the thunk,
 * where the flag is about to be cleared. User code at such an address is none. */
static bool in_window(const struct vcpu *v)
{
    const struct guest *g = v->guest;
    uint32_t eip = v->regs->eip;

    if ((v->regs->cs & 3) != 1)
        return false;
    return (eip >= g->noirq_start && eip < g->noirq_end) || arch_eip_in_thunk(eip);
}

static bool has_pending_word(const struct guest *g)
{
    return g->abi->irq_pending != ABI_NO_FIELD;
}

static void inject(struct vcpu *v, uint32_t line)
{
    struct guest *g = v->guest;
    uint32_t rest;

    v->irq_pending &= ~(1u << line);
    reflect_trap(v, VEC_IRQ0 + line, false, 0);
    vtime_write_wallclock(v);
    rest = v->irq_pending & ~v->irq_enabled[LGD_BLOCKED];
    if (has_pending_word(g))
        hv_write_once(v->irq_enabled[LGD_IRQ_PENDING], rest ? EFLAGS_IF : 0);
}

void virq_deliver(struct vcpu *v)
{
    struct guest *g = v->guest;
    uint32_t line = 0, can;

    if (!v->irq_enabled || v->hlt_forever)
        return; /* before INIT: nothing */
    can = v->irq_pending & ~v->irq_enabled[LGD_BLOCKED];
    if (can)
        line = (uint32_t)__builtin_ctz(can);
    switch (virq_decide(v->irq_pending, v->irq_enabled[LGD_BLOCKED], *v->irq_enabled,
                        v->halted, in_window(v), vidt_present(g, VEC_IRQ0 + line),
                        &line)) {
    case VIRQ_INJECT:
        if (v->halted) {
            *v->irq_enabled = EFLAGS_IF; /* HALT implies sti */
            v->halted = false;
            v->attention &= ~VCPU_ATTN_HALTED;
        }
        inject(v, line);
        break;
    case VIRQ_MARK_PENDING:
        if (has_pending_word(g))
            hv_write_once(v->irq_enabled[LGD_IRQ_PENDING], EFLAGS_IF);
        break;
    case VIRQ_NONE:
    case VIRQ_POSTPONE:
        break;
    }
    if (!v->irq_pending)
        v->attention &= ~VCPU_ATTN_VIRQ;
    else if (!v->halted)
        vtime_expect_retry(v);
}
