/* SPDX-License-Identifier: MIT */
/* T:280 Virtual time: the one-shot clock event on line 0, the wall clock in
 * lguest_data, and the bounded wait for interrupts that cannot go in yet. */
#include "hv/vtime.h"

#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/lgdata.h"
#include "hv/string.h"
#include "hv/virq.h"

#define NS_PER_S 1000000000u

/* Linux asks for at least 100 ns; less would be a storm (TM-02). */
#define CLOCKEVENT_MIN_NS 20000u

#define RETRY_NS 500000u

void vtime_write_wallclock(struct vcpu *v)
{
    static uint64_t second_start_ns; /* wall-clock ns of the current second */
    static uint32_t second;
    uint64_t now = arch_wallclock_base_ns() + arch_time_ns();
    uint64_t into = now - second_start_ns;

    if (hv_unlikely(into >= NS_PER_S)) {
        uint32_t rest;

        second = (uint32_t)div64(now, NS_PER_S, &rest);
        into = rest;
        second_start_ns = now - rest;
    }
    hv_write_once(v->irq_enabled[LGD_TV_SEC], second);
    hv_write_once(v->irq_enabled[LGD_TV_NSEC], (uint32_t)into);
}

static void clockevent_fired(struct timer *t)
{
    struct vcpu *v = HV_CONTAINER_OF(t, struct vcpu, clockevent);

    virq_raise(v->guest, VIRQ_TIMER);
}

/* The exit itself is what was wanted. */
static void retry_fired(struct timer *t)
{
    struct vcpu *v = HV_CONTAINER_OF(t, struct vcpu, retry);

    if (v->irq_pending)
        v->attention |= VCPU_ATTN_VIRQ;
}

void vtime_set_clockevent(struct vcpu *v, uint32_t delta_ns)
{
    if (delta_ns == 0) {
        timer_cancel(&v->clockevent);
        return;
    }
    timer_arm(&v->clockevent,
              arch_time_ns() + hv_max_u32(delta_ns, CLOCKEVENT_MIN_NS));
}

void vtime_init(struct vcpu *v)
{
    timer_init(&v->clockevent, clockevent_fired);
    timer_init(&v->retry, retry_fired);
}

void vtime_fini(struct vcpu *v)
{
    timer_cancel(&v->clockevent);
    timer_cancel(&v->retry);
}

void vtime_expect_retry(struct vcpu *v)
{
    if (!timer_is_armed(&v->retry))
        timer_arm(&v->retry, arch_time_ns() + RETRY_NS);
}
