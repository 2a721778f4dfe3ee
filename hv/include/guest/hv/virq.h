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

/* No interrupt goes in before the ring-1 instruction at eip is over, which is the next. */
void virq_hold_at(struct vcpu *v, uint32_t eip);
