/* SPDX-License-Identifier: MIT */
/* What belongs to one CPU.  this_cpu() is a constant address that every CPU
 * maps to its own block, valid whatever a guest did to %fs and %gs. */
#pragma once

#include "arch/percpu.h"
#include "hv/list.h"
#include "hv/log.h"
#include "hv/short_clock.h"
#include "hv/timerq.h"

struct vcpu;

/* The second of the wall clock that is running: which one, and how much of it was left
 * when the clock was started. */
struct wall_second {
    struct short_clock clock;
    uint32_t left_ns; /* 0: it is over */
    uint32_t utc;
};

struct percpu {
    uint32_t index;
    struct vcpu *loaded; /* whose pages are in the switcher window */
    struct list run_queue;
    struct vcpu *running; /* whose stack we are on; NULL: the CPU's own */
    struct account *account; /* whose frames are taken and given back now; NULL: nobody's */
    struct timer slice;
    bool always_slice; /* also for one that is alone: somebody watches the clock between slices */
    uint64_t charged_ns; /* until when running has been charged */
    uint64_t floor_ns;   /* no ready vCPU had a smaller used_ns when it was last looked */
    struct list timers;
    uint64_t timer_programmed_ns;
    struct wall_second second;
    uint32_t progress; /* counts the rounds of the scheduler; the watchdog looks */
    uint32_t watched_progress, still_ms; /* what the watchdog saw last, and since when */
    uint32_t nmi_depth; /* not 0: we are an NMI or a machine check */
    uint32_t nmi_count, mce_count, spurious_count;
    uint32_t switch_barriers; /* against weaknesses of the CPU, between vCPUs */
    struct log_limit irq_limit, nmi_limit; /* complaints about odd ones */
    uint32_t irq_count[16];
    uint64_t longest_irqs_off; /* ns, P5 */
    const char *not_golden; /* a register that was not as set up when a vCPU was
                             * put away (P3); NULL: all were */
    struct arch_percpu arch;
};

#ifdef HV_HOST_TEST
struct percpu *this_cpu(void);
#else
HV_INLINE struct percpu *this_cpu(void)
{
    return (struct percpu *)ARCH_PERCPU_VA;
}
#endif
