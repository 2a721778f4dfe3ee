/* SPDX-License-Identifier: MIT */
/* Virtual time: the one-shot clock event on line 0, the wall clock in
 * lguest_data, and the bounded wait for interrupts that cannot go in yet. */
#include "hv/vtime.h"

#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/percpu.h"
#include "hv/string.h"
#include "hv/virq.h"

#define NS_PER_S 1000000000u

/* Linux asks for at least 100 ns; less would be a storm (TM-02). */
#define CLOCKEVENT_MIN_NS 20000u

#define RETRY_NS 500000u

/* 0: so many ns of it are over. */
static HV_NOINLINE uint32_t begin_second(struct wall_second *s)
{
    uint64_t now = arch_time_ns();
    uint32_t into;

    /* In this order: what comes between makes the second late, not early, and so
     * time never steps back at its end. */
    short_clock_start(&s->clock);
    s->utc = (uint32_t)div64(arch_wallclock_base_ns() + now, NS_PER_S, &into);
    s->left_ns = NS_PER_S - into;
    return 0;
}

void vtime_write_wallclock(struct vcpu *v)
{
    struct wall_second *s = &this_cpu()->second;
    volatile struct gabi_data_head *data = v->lgdata;
    uint32_t ns;

    if (hv_unlikely(!short_clock_ns(&s->clock, &ns) || ns >= s->left_ns))
        ns = begin_second(s);
    data->tv_sec = s->utc;
    data->tv_nsec = NS_PER_S - s->left_ns + ns;
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
        v->todo |= VCPU_TODO_VIRQ;
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
    timer_init(&v->clockevent, &v->guest->account, clockevent_fired);
    timer_init(&v->retry, &v->guest->account, retry_fired);
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
