/* SPDX-License-Identifier: MIT */
/* T:240 Virtual interrupts (ABI 9).  A raise sets a pending bit; before each entry at
 * most one goes in, lowest line first, if the guest's own state allows. */
#include "hv/virq.h"

#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/reflect.h"
#include "hv/sched.h"
#include "hv/vidt.h"
#include "hv/vtime.h"

void virq_raise(struct guest *g, uint32_t line)
{
    struct vcpu *v = g->vcpu;

    if (line >= GABI_IRQ_LINES || !v)
        return;
    v->irq_pending |= 1u << line;
    v->todo |= VCPU_TODO_VIRQ;
    sched_wake(v);
}

enum virq_action virq_decide(bool pending, uint32_t irq_enabled, bool halted, bool kept_out,
                             bool gate_present)
{
    if (!pending)
        return VIRQ_NONE;
    if (kept_out)
        return VIRQ_POSTPONE;
    if (!halted && !(irq_enabled & GABI_IF))
        return VIRQ_MARK_PENDING;
    return gate_present ? VIRQ_INJECT : VIRQ_POSTPONE;
}

/* No interrupt between "flag set" and "iret done" (ABI 4.3), nor in the thunk,
 * where the flag is about to be cleared. User code at such an address is none. */
static bool in_window(const struct vcpu *v)
{
    uint32_t eip = v->regs->eip;

    if ((v->regs->cs & 3) != 1)
        return false;
    return guest_in_noirq_window(v->guest, eip) ||
           eip - SW_THUNK < HV_PAGE_SIZE;
}

/* Tells the guest whether a line waits for its flag, if its revision has a word for it. */
static void show_pending(struct vcpu *v, bool waits)
{
    uint32_t at = v->guest->abi->irq_pending;

    if (at != ABI_NO_FIELD)
        *(volatile uint32_t *)((uintptr_t)v->lgdata + at) = waits ? GABI_IF : 0;
}

static void inject(struct vcpu *v, uint32_t line)
{
    v->irq_pending &= ~(1u << line);
    reflect_plain(v, GABI_IRQ_VECTOR + line);
    vtime_write_wallclock(v);
    show_pending(v, (v->irq_pending & ~v->lgdata->blocked_interrupts) != 0);
}

void virq_wake(struct vcpu *v)
{
    if (!v->hlt_forever)
        v->lgdata->irq_enabled = GABI_IF; /* HALT implies sti */
    v->hlt_forever = false;
    v->todo &= ~VCPU_TODO_HALTED;
}

/* Exits before that instruction is over, a page fault that is filled and a hardware
 * interrupt or two, do not let it in; but a jump to itself is to be interrupted. */
#define HOLD_TRIES 4u

void virq_hold_at(struct vcpu *v, uint32_t eip)
{
    v->hold_eip = eip;
    v->hold_tries = HOLD_TRIES;
}

static bool is_held(struct vcpu *v)
{
    if (v->hold_tries == 0)
        return false;
    if (v->regs->eip != v->hold_eip || (v->regs->cs & 3) != 1) {
        v->hold_tries = 0;
        return false;
    }
    v->hold_tries--;
    return true;
}

void virq_deliver(struct vcpu *v)
{
    const struct guest *g = v->guest;
    bool halted = v->todo & VCPU_TODO_HALTED, kept_out;
    uint32_t can, line;

    if (!g->abi || v->hlt_forever)
        return; /* before INIT, or asleep for good: nothing */
    can = v->irq_pending & ~v->lgdata->blocked_interrupts;
    line = (uint32_t)__builtin_ctz(can | HV_BIT(GABI_IRQ_LINES - 1));
    kept_out = in_window(v) || is_held(v);
    switch (virq_decide(can != 0, v->lgdata->irq_enabled, halted, kept_out,
                        vidt_present(g, GABI_IRQ_VECTOR + line))) {
    case VIRQ_INJECT:
        if (halted)
            virq_wake(v);
        halted = false;
        inject(v, line);
        break;
    case VIRQ_MARK_PENDING:
        show_pending(v, true);
        break;
    case VIRQ_NONE:
    case VIRQ_POSTPONE:
    default:
        break;
    }
    /* A halted guest is not tried again before the retry: nothing that it waits
     * for changes while it sleeps. */
    if (!v->irq_pending || halted)
        v->todo &= ~VCPU_TODO_VIRQ;
    if (v->irq_pending && (!halted || can))
        vtime_expect_retry(v);
}
