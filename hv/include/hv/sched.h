/* SPDX-License-Identifier: MIT */
/* Who runs next on this CPU: round robin among the vCPUs that can run. */
#pragma once

#include "hv/types.h"

struct vcpu;

void sched_init(void);
void sched_add(struct vcpu *v);
void sched_remove(struct vcpu *v);

/* A vCPU that may have become runnable. */
void sched_wake(struct vcpu *v);

/* The next one, its slice armed, or NULL: idle. */
struct vcpu *sched_pick(void);

/* True if v could be entered now. */
bool sched_runnable(const struct vcpu *v);
