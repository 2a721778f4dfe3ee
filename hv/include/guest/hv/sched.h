/* SPDX-License-Identifier: MIT */
/* Who runs next on this CPU: of the vCPUs that can run the one that has run least.
 * What the monitor does for a guest (its exits, its building, its taking apart) it does
 * on a stack of that guest's vCPU and in its time. */
#pragma once

#include "hv/types.h"

struct vcpu;

/* Runs this CPU for good. */
HV_NORETURN void cpu_loop(void);

void sched_init(void);
void sched_add(struct vcpu *v);
void sched_remove(struct vcpu *v);

/* All start even: what was done for them so far is on nobody's account. */
void sched_even(void);

/* A vCPU that may have become runnable. */
void sched_wake(struct vcpu *v);

/* The next one, its slice armed, or NULL: idle. */
struct vcpu *sched_pick(void);

/* From the CPU's own stack: goes on with v where it has left the CPU, until it leaves
 * again, and charges it for that time. */
void sched_run(struct vcpu *v);

/* From the stack of the vCPU that runs: there is nothing to do for it now. */
void sched_leave(void);

/* A preemption point in work for the guest that runs, as arch_preempt_point(). Mail of
 * this CPU is read; if the slice is over, the others run before this returns. They use
 * windows of this CPU, so pointers to HIGH frames are void then. Elsewhere, and where
 * something that guests share is not consistent, only arch_preempt_point() may stand. */
void sched_point(void);

/* True if v could go on now. */
bool sched_runnable(const struct vcpu *v);
