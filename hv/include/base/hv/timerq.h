/* SPDX-License-Identifier: MIT */
/* One-shot timers of this CPU.  Times are nanoseconds since boot of the
 * monotonic clock arch_time_ns().  No handler runs without a bound, and each
 * fires at most once per arming. */
#pragma once

#include "hv/account.h"
#include "hv/list.h"

struct timer {
    struct list link; /* in the CPU's queue, sorted by deadline */
    uint64_t deadline_ns;
    void (*fire)(struct timer *t);
    struct account *account; /* who has it, or NULL: the monitor itself */
};

void timer_init(struct timer *t, struct account *account, void (*fire)(struct timer *t));

/* (Re-)arms: fires at or after the deadline. */
void timer_arm(struct timer *t, uint64_t deadline_ns);

/* After this the timer does not fire. Harmless when it is not armed. */
void timer_cancel(struct timer *t);
bool timer_is_armed(const struct timer *t);

/* Fires all that is due and programs the hardware for the next one. Called
 * from the timer interrupt and before the run loop picks a vCPU. */
void timerq_run(void);
void timerq_init(void);

/* The hardware timer of this CPU has fired (or was stolen): it has to be
 * programmed again. Only marks; timerq_run() follows on the way out. */
void timerq_hardware_fired(void);
bool timerq_run_wanted(void);

/* Number of armed timers of this CPU. */
uint32_t timerq_count(void);
