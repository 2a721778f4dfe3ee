/* SPDX-License-Identifier: MIT */
/* One-shot timers of a CPU: a list sorted by deadline.  There are few (one per
 * guest, the time slice, the console), so a list beats anything cleverer.
 *
 * Programming the hardware is the dear part.  It is done only when a deadline
 * comes in front of what is programmed.  A timer that is cancelled or moved
 * back leaves the hardware alone: at worst one interrupt finds nothing to do.
 * timer_programmed_ns is 0 when the hardware will not fire. */
#include "hv/timerq.h"

#include "hv/arch_if.h"
#include "hv/percpu.h"

static struct timer *timer_of(struct list *l)
{
    return HV_CONTAINER_OF(l, struct timer, link);
}

void timerq_init(void)
{
    struct percpu *cpu = this_cpu();

    list_init(&cpu->timers);
    cpu->timer_programmed_ns = 0;
}

void timer_init(struct timer *t, struct account *account, void (*fire)(struct timer *t))
{
    list_init(&t->link);
    t->deadline_ns = 0;
    t->fire = fire;
    t->account = account;
}

bool timer_is_armed(const struct timer *t)
{
    return !list_is_empty(&t->link);
}

/* n: one more or one less. */
static void count(const struct timer *t, uint32_t n)
{
    if (t->account)
        t->account->timers += n;
}

static void program(struct percpu *cpu, uint64_t deadline_ns)
{
    cpu->timer_programmed_ns = deadline_ns;
    arch_timer_arm(deadline_ns);
}

void timer_arm(struct timer *t, uint64_t deadline_ns)
{
    struct percpu *cpu = this_cpu();
    struct list *at = cpu->timers.next;

    if (timer_is_armed(t)) {
        if (at == &t->link)
            at = at->next;
        list_remove(&t->link);
    } else {
        count(t, 1);
    }
    t->deadline_ns = deadline_ns;
    while (at != &cpu->timers && timer_of(at)->deadline_ns <= deadline_ns)
        at = at->next;
    list_insert_before(at, &t->link);
    if (cpu->timer_programmed_ns - 1 >= deadline_ns) /* 0 wraps: none */
        program(cpu, deadline_ns);
}

void timer_cancel(struct timer *t)
{
    if (!timer_is_armed(t))
        return;
    list_remove(&t->link);
    count(t, ~0u);
}

void timerq_hardware_fired(void)
{
    this_cpu()->timer_programmed_ns = 0;
}

bool timerq_run_wanted(void)
{
    struct percpu *cpu = this_cpu();

    return cpu->timer_programmed_ns == 0 && !list_is_empty(&cpu->timers);
}

/* Takes what is due off the queue first: a timer that arms itself again for a
 * time that has passed waits for the next call, behind the others. Handlers may
 * cancel and arm those that are still to fire. */
static void fire_due(struct percpu *cpu, uint64_t now)
{
    struct list due;

    list_init(&due);
    while (!list_is_empty(&cpu->timers)) {
        struct list *l = cpu->timers.next;

        if (timer_of(l)->deadline_ns > now)
            break;
        list_remove(l);
        list_add_tail(&due, l);
    }
    while (!list_is_empty(&due)) {
        struct timer *t = timer_of(due.next);

        list_remove(&t->link);
        count(t, ~0u);
        t->fire(t);
    }
}

void timerq_run(void)
{
    struct percpu *cpu = this_cpu();
    uint64_t now, first;

    if (list_is_empty(&cpu->timers))
        return;
    now = arch_time_ns();
    first = timer_of(cpu->timers.next)->deadline_ns;
    if (first <= now) {
        fire_due(cpu, now);
        if (list_is_empty(&cpu->timers))
            return;
        first = timer_of(cpu->timers.next)->deadline_ns;
    }
    /* An interrupt that should have come and was lost is asked for again. */
    if (cpu->timer_programmed_ns <= now || first < cpu->timer_programmed_ns)
        program(cpu, first);
}

uint32_t timerq_count(void)
{
    uint32_t n = 0;

    list_for_each(l, &this_cpu()->timers)
        n++;
    return n;
}
