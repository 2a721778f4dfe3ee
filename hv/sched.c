/* SPDX-License-Identifier: MIT */
/* T:130 Round robin with a time slice of 10 ms, which is only armed while somebody
 * waits: a guest that is alone is never interrupted for nothing. */
#include "hv/sched.h"

#include "hv/arch_if.h"
#include "hv/gmem.h"
#include "hv/guest.h"
#include "hv/lgdata.h"
#include "hv/percpu.h"
#include "hv/suite.h"
#include "hv/timerq.h"

#define SLICE_NS 10000000u

static struct timer slice_timer; /* one CPU runs guests so far */
static struct vcpu *running;

static void slice_over(struct timer *t)
{
    (void)t;
    if (running)
        running->attention |= VCPU_ATTN_RESCHED;
}

void sched_init(void)
{
    list_init(&this_cpu()->run_queue);
    timer_init_own(&slice_timer, slice_over);
}

void sched_add(struct vcpu *v)
{
    list_add_tail(&this_cpu()->run_queue, &v->run_link);
    sched_wake(v);
}

void sched_remove(struct vcpu *v)
{
    list_remove(&v->run_link);
    if (running == v)
        running = NULL;
}

/* The alias is only there while the vCPU is loaded. */
static uint32_t blocked_lines(const struct vcpu *v)
{
    uint32_t blocked = 0;

    if (!v->irq_enabled)
        return 0xffffffffu;
    if (v->arch.loaded)
        return v->irq_enabled[LGD_BLOCKED];
    if (!gmem_read32(v->guest, GPA(v->guest->lguest_data + 4 * LGD_BLOCKED), &blocked))
        return 0xffffffffu;
    return blocked;
}

bool sched_runnable(const struct vcpu *v)
{
    const struct guest *g = v->guest;

    if (guest_is_dead(g) || g->state != GUEST_RUNNING)
        return false;
    if (!v->halted || (v->attention & VCPU_ATTN_VDEV))
        return true;
    /* Halted: some line that is not blocked must be pending. */
    if (!v->irq_pending || v->hlt_forever || !(v->attention & VCPU_ATTN_VIRQ))
        return false;
    return (v->irq_pending & ~blocked_lines(v)) != 0;
}

void sched_wake(struct vcpu *v)
{
    if (running && running != v && sched_runnable(v) && !timer_is_armed(&slice_timer))
        timer_arm(&slice_timer, arch_time_ns() + SLICE_NS);
}

struct vcpu *sched_pick(void)
{
    struct list *q = &this_cpu()->run_queue;
    struct vcpu *found = NULL;
    bool others = false;

    list_for_each_safe(l, next, q) {
        struct vcpu *v = HV_CONTAINER_OF(l, struct vcpu, run_link);

        if (!sched_runnable(v))
            continue;
        if (found) {
            others = true;
            break;
        }
        found = v;
    }
    running = found;
    timer_cancel(&slice_timer);
    if (!found)
        return NULL;
    list_remove(&found->run_link);
    list_add_tail(q, &found->run_link);
    /* The suite watches the clock between slices, also with one guest. */
    if (others || suite_wanted())
        timer_arm(&slice_timer, arch_time_ns() + SLICE_NS);
    found->attention &= ~VCPU_ATTN_RESCHED;
    return found;
}
