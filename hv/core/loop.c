/* SPDX-License-Identifier: MIT */
/* The loop of a CPU: read mail, run timers, pick a vCPU, run it. CPU 0 keeps house
 * besides. */
#include "hv/sched.h"

#include "hv/arch_if.h"
#include "hv/console.h"
#include "hv/control.h"
#include "hv/mail.h"
#include "hv/percpu.h"
#include "hv/pmm.h"
#include "hv/timerq.h"

/* What the machine has one of, and what creates and buries guests. */
static void keep_house(void)
{
    console_poll();
    control_poll();
}

/* T:030 What a CPU does for ever: its mail, its timers, and the vCPU whose turn it is. */
void cpu_loop(void)
{
    for (;;) {
        struct vcpu *v;

        this_cpu()->progress++;
        arch_preempt_point();
        mail_read();
        timerq_run();
        if (this_cpu()->index == 0)
            keep_house();
        v = sched_pick();
        if ((!v && pmm_clear_ahead()) || !mail_away())
            continue;
        if (v)
            sched_run(v);
        else
            arch_idle();
        mail_back();
    }
}
