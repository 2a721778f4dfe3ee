/* SPDX-License-Identifier: MIT */
/* Virtual interrupt lines (lguest ABI 9): 32 lines, line n is guest vector
 * 0x20 + n, line 0 the timer. A raise is an edge: it sets a pending bit that
 * delivery clears. */
#pragma once

#include "guest-abi/hcall.h"
#include "hv/types.h"

struct guest;
struct vcpu;

/* From device models and timers; wakes a halted guest. */
void virq_raise(struct guest *g, uint32_t line);

/* Delivers at most one interrupt before an entry (ABI 9.2). */
void virq_deliver(struct vcpu *v);

/* Ends the sleep of a halted vCPU: HALT has opened interrupts, hlt left them as they were. */
void virq_wake(struct vcpu *v);

/* No interrupt goes in before the ring-1 instruction at eip is over, which is the next. */
void virq_hold_at(struct vcpu *v, uint32_t eip);

/* What becomes of the lowest line that is pending and not blocked, if there is one. kept_out:
 * no interrupt may go in at this instruction. Pure. */
enum virq_action { VIRQ_NONE, VIRQ_POSTPONE, VIRQ_INJECT, VIRQ_MARK_PENDING };
enum virq_action virq_decide(bool pending, uint32_t irq_enabled, bool halted, bool kept_out,
                             bool gate_present);
