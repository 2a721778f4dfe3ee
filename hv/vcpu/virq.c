/* SPDX-License-Identifier: MIT */
/* Virtual interrupts (ABI 9).  A raise sets a pending bit; before each entry at
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

static void inject(struct vcpu *v, uint32_t line)
{
    v->todo &= ~VCPU_TODO_HALTED;
    v->irq_pending &= ~(1u << line);
    reflect_plain(v, GABI_IRQ_VECTOR + line);
    vtime_write_wallclock(v);
    show_pending(v, (v->irq_pending & ~v->lgdata->blocked_interrupts) != 0);
}

/* T:240 The one place that lets a virtual interrupt in, or says why not now. */
void virq_deliver(struct vcpu *v)
{
    uint32_t can, line;

    can = v->irq_pending & ~v->lgdata->blocked_interrupts;
    if (can && !in_window(v) && !is_held(v)) {
        line = (uint32_t)__builtin_ctz(can);
        if (!(v->lgdata->irq_enabled & GABI_IF))
            show_pending(v, true);
        else if (vidt_present(v->guest, GABI_IRQ_VECTOR + line))
            inject(v, line);
    }
    if (!v->irq_pending) {
        v->todo &= ~VCPU_TODO_VIRQ;
    } else if (!(v->todo & VCPU_TODO_HALTED)) {
        vtime_expect_retry(v);
    } else {
        /* It is not tried again before the retry: nothing that a halted guest waits for
         * changes while it sleeps. */
        v->todo &= ~VCPU_TODO_VIRQ;
        if (can)
            vtime_expect_retry(v);
    }
}
