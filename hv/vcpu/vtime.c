/* SPDX-License-Identifier: MIT */
/* T:280 Virtual time: the one-shot clock event on line 0, the wall clock in
 * lguest_data, and the bounded wait for interrupts that cannot go in yet. */
#include "hv/vtime.h"

#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/string.h"
#include "hv/virq.h"

#define NS_PER_S 1000000000u

/* Linux asks for at least 100 ns; less would be a storm (TM-02). */
#define CLOCKEVENT_MIN_NS 20000u

#define RETRY_NS 500000u

/* The second that is running: which one, and how far into it the clock started. */
static struct {
    struct short_clock clock;
    uint32_t into;
    uint32_t utc;
} second = {.into = NS_PER_S}; /* is over already */

static HV_NOINLINE uint32_t new_second(void)
{
    uint64_t now = arch_time_ns();

    /* In this order: what comes between makes the second late, not early, and so
     * time never steps back at its end. */
    short_clock_start(&second.clock);
    second.utc = (uint32_t)div64(arch_wallclock_base_ns() + now, NS_PER_S, &second.into);
    return second.into;
}

void vtime_write_wallclock(struct vcpu *v)
{
    uint32_t into;

    if (hv_unlikely(!short_clock_ns(&second.clock, &into) ||
                    (into += second.into) >= NS_PER_S))
        into = new_second();
    v->lgdata->tv_sec = second.utc;
    v->lgdata->tv_nsec = into;
}

static void clockevent_fired(struct timer *t)
{
    struct vcpu *v = HV_CONTAINER_OF(t, struct vcpu, clockevent);

    virq_raise(v->guest, GABI_IRQ_TIMER);
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
