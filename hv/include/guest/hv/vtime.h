/* SPDX-License-Identifier: MIT */
/* A guest's clocks (ABI 9.3, 9.4). */
#pragma once

#include "hv/types.h"

struct vcpu;

/* Writes lguest_data.time (UTC). After INIT only. */
void vtime_write_wallclock(struct vcpu *v);

/* SET_CLOCKEVENT: one-shot timer in ns from now, 0 stops it. */
void vtime_set_clockevent(struct vcpu *v, uint32_t delta_ns);

/* Prepares and ends the timers of a vCPU. */
void vtime_init(struct vcpu *v);
void vtime_fini(struct vcpu *v);

/* Makes sure that an exit comes soon, so that a pending interrupt is noticed
 * although the guest re-enables interrupts without a call (ABI 4.1, 4.3). */
void vtime_expect_retry(struct vcpu *v);
