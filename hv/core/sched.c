/* SPDX-License-Identifier: MIT */
/* Who has had the CPU least runs next, for a time slice that is only armed while
 * somebody waits: a guest that is alone is never interrupted for nothing.
 *
 * What counts is time by the clock, all of it: a guest that was on for longer than its
 * slice waits until the others have caught up, and building and taking apart are its
 * own time like any other. Each works on a stack of its own, so that any work can be
 * put aside where interrupts are let in (sched_point). */
#include "hv/sched.h"

#include "hv/arch_if.h"
#include "hv/exit.h"
#include "hv/gmem.h"
#include "hv/guest.h"
#include "hv/mail.h"
#include "hv/percpu.h"

/* With more that wait slices are shorter, so that a round of all takes ROUND_NS; but not
 * so short that changing over is most of it. */
#define SLICE_NS 10000000u
#define SLICE_MIN_NS 2000000u
#define ROUND_NS 15000000u

/* Who has slept comes before the others, but not by more than this, however long it
 * was: half a slice, so that two turns in a row are not his. */
#define CREDIT_NS 5000000u

static void slice_over(struct timer *t)
{
    struct percpu *cpu = HV_CONTAINER_OF(t, struct percpu, slice);

    if (cpu->running)
        cpu->running->todo |= VCPU_TODO_RESCHED;
}

void sched_init(void)
{
    list_init(&this_cpu()->run_queue);
    timer_init(&this_cpu()->slice, NULL, slice_over);
}

void sched_add(struct vcpu *v)
{
    list_add_tail(&this_cpu()->run_queue, &v->run_link);
    sched_wake(v);
}

void sched_remove(struct vcpu *v)
{
    list_remove(&v->run_link);
}

/* A pending line could go in. The alias is only there while the vCPU is loaded. */
static bool may_interrupt(const struct vcpu *v)
{
    struct gabi_data_head data = {0};

    if (v->arch.loaded || !v->guest->abi)
        data = *v->lgdata;
    else if (!gmem_read(v->guest, &data, GPA(v->guest->lguest_data), sizeof(data)))
        return false;
    return (data.irq_enabled & GABI_IF) && (v->irq_pending & ~data.blocked_interrupts);
}

bool sched_runnable(const struct vcpu *v)
{
    const struct guest *g = v->guest;

    if (v->aside) /* what was begun is finished, but for a pause */
        return g->state != GUEST_PAUSED || guest_is_dead(g);
    if (g->state == GUEST_BUILDING || g->state == GUEST_LEAVING)
        return true;
    if (guest_is_dead(g) || g->state != GUEST_RUNNING)
        return false;
    if (!(v->todo & VCPU_TODO_HALTED) || (v->todo & VCPU_TODO_VDEV))
        return true;
    return (v->todo & VCPU_TODO_VIRQ) && may_interrupt(v);
}

/* ---- the account ---- */

/* Of those who wait, v aside: how many, and what the one has used that has least. */
struct waiting {
    uint32_t nr;
    uint64_t least;
};

static struct waiting waiting_beside(const struct vcpu *v)
{
    struct waiting w = {0, UINT64_MAX};

    list_for_each(l, &this_cpu()->run_queue) {
        const struct vcpu *o = HV_CONTAINER_OF(l, struct vcpu, run_link);

        if (o == v || !o->ready_ns)
            continue;
        w.nr++;
        if (o->used_ns < w.least)
            w.least = o->used_ns;
    }
    return w;
}

/* Charges who runs up to now. Whoever becomes ready later starts where the one is that
 * has least of those who were: what was used while nobody waited is owed to nobody. */
static void charge(struct percpu *cpu, uint64_t now)
{
    struct vcpu *v = cpu->running;
    uint64_t least = waiting_beside(v).least;

    v->run_ns += now - cpu->charged_ns;
    v->used_ns += now - cpu->charged_ns;
    cpu->charged_ns = now;
    if (v->used_ns < least)
        least = v->used_ns;
    if (least > cpu->floor_ns)
        cpu->floor_ns = least;
}

/* One that can run, from now on if it could not before. The credit is for one: of
 * several who wake, each comes before the others by a part. */
static void note_ready(struct vcpu *v, uint64_t now)
{
    uint64_t floor = this_cpu()->floor_ns;
    uint32_t credit;

    if (v->ready_ns)
        return;
    credit = CREDIT_NS / (waiting_beside(v).nr + 1);
    v->ready_ns = now;
    if (v->used_ns + credit < floor)
        v->used_ns = floor - credit;
}

void sched_even(void)
{
    list_for_each(l, &this_cpu()->run_queue) {
        struct vcpu *v = HV_CONTAINER_OF(l, struct vcpu, run_link);

        v->used_ns = this_cpu()->floor_ns;
        v->ready_ns = 0;
    }
}

/* ---- who runs ---- */

/* How long v may run: a slice, but not until it is more than half a slice before the
 * one who waits and has used least. So leaving the CPU for a moment, or for another
 * life, begins no new slice. */
static uint32_t slice_ns(const struct vcpu *v)
{
    struct waiting w = waiting_beside(v);
    uint32_t slice = hv_min_u32(SLICE_NS, ROUND_NS / hv_max_u32(w.nr, 1));
    uint64_t end = w.least + slice / 2;

    if (w.nr && end < v->used_ns + slice)
        slice = end > v->used_ns ? (uint32_t)(end - v->used_ns) : 0;
    return hv_max_u32(slice, SLICE_MIN_NS);
}

void sched_wake(struct vcpu *v)
{
    struct percpu *cpu = this_cpu();
    uint64_t now, end;

    if (!cpu->running || cpu->running == v || v->ready_ns || !sched_runnable(v))
        return; /* the next sched_pick() will see it */
    now = arch_time_ns();
    charge(cpu, now);
    note_ready(v, now);
    end = now + slice_ns(cpu->running);
    if (!timer_is_armed(&cpu->slice) || end < cpu->slice.deadline_ns)
        timer_arm(&cpu->slice, end);
}

/* T:040 Who has used least is next, among those that can run. */
struct vcpu *sched_pick(void)
{
    struct percpu *cpu = this_cpu();
    struct vcpu *found = NULL;
    uint64_t now = arch_time_ns();
    uint32_t ready = 0;

    list_for_each(l, &cpu->run_queue) {
        struct vcpu *v = HV_CONTAINER_OF(l, struct vcpu, run_link);

        if (!sched_runnable(v)) {
            v->ready_ns = 0;
            continue;
        }
        note_ready(v, now);
        ready++;
        if (!found || v->used_ns < found->used_ns)
            found = v;
    }
    timer_cancel(&cpu->slice);
    if (!found) {
        cpu->charged_ns = 0; /* nobody pays for idling */
        return NULL;
    }
    if (ready > 1 || cpu->always_slice)
        timer_arm(&cpu->slice, now + slice_ns(found));
    found->todo = vcpu_todo(found) & ~VCPU_TODO_RESCHED;
    return found;
}

void sched_run(struct vcpu *v)
{
    struct percpu *cpu = this_cpu();
    uint64_t now = arch_time_ns();

    if (v->ready_ns && now - v->ready_ns > v->longest_wait_ns)
        v->longest_wait_ns = now - v->ready_ns;
    v->ready_ns = 0;
    cpu->running = v;
    if (!cpu->charged_ns) /* else this round of the CPU's loop is its, too */
        cpu->charged_ns = now;
    cpu->account = &v->guest->account;
    arch_vcpu_stack_enter(&v->arch);
    cpu->account = NULL;
    now = arch_time_ns();
    charge(cpu, now);
    cpu->running = NULL;
    if (sched_runnable(v))
        v->ready_ns = now;
}

void sched_leave(void)
{
    arch_vcpu_stack_leave(&this_cpu()->running->arch);
}

/* Another may have been loaded when this goes on. */
static HV_NOINLINE void put_aside(struct vcpu *v)
{
    bool loaded = v->arch.loaded;

    v->aside = true;
    sched_leave();
    v->aside = false;
    if (loaded)
        vcpu_load(v);
}

void sched_point(void)
{
    struct vcpu *v = this_cpu()->running;

    arch_preempt_point();
    if (!v || hv_likely(!(vcpu_todo(v) & (VCPU_TODO_RESCHED | VCPU_TODO_MAIL))))
        return;
    v->todo &= ~VCPU_TODO_MAIL;
    mail_read();
    if (vcpu_todo(v) & VCPU_TODO_RESCHED)
        put_aside(v);
}
