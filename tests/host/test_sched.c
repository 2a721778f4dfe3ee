/* SPDX-License-Identifier: MIT */
/* Who runs next: least time by the clock, bounded credit for who has slept, nothing
 * owed for what was used while nobody waited, and work that is put aside.
 * real: sched
 */
#include "test.h"

#include "fake.h"

#include "hv/arch_if.h"
#include "hv/exit.h"
#include "hv/guest.h"
#include "hv/gmem.h"
#include "hv/percpu.h"
#include "hv/sched.h"

#include <string.h>

#define MS 1000000u
#define GUESTS 4u

struct list guest_list = {&guest_list, &guest_list};
static struct guest guests[GUESTS];
static struct vcpu vcpus[GUESTS];
static uint64_t turn_ns;            /* how long each turn takes */
static void (*in_turn)(struct vcpu *v); /* and what happens in it */
static uint32_t left, loads;

/* ---- instead of the machine ---- */

bool gmem_read32(struct guest *g, gpa_t a, uint32_t *v)
{
    (void)g;
    (void)a;
    *v = 0;
    return true;
}

void vcpu_load(struct vcpu *v)
{
    (void)v;
    loads++;
}

void arch_vcpu_stack_enter(struct arch_vcpu *a)
{
    fake_arch.now_ns += turn_ns;
    if (in_turn)
        in_turn(HV_CONTAINER_OF(a, struct vcpu, arch));
}

void arch_vcpu_stack_leave(struct arch_vcpu *a)
{
    struct vcpu *v = HV_CONTAINER_OF(a, struct vcpu, arch);

    EXPECT(v == this_cpu()->running);
    EXPECT(v->aside);
    left++;
}

static void set_up(uint32_t n)
{
    memset(guests, 0, sizeof(guests));
    memset(vcpus, 0, sizeof(vcpus));
    this_cpu()->floor_ns = 0;
    this_cpu()->running = NULL;
    fake_arch.now_ns = 1000 * MS;
    turn_ns = 10 * MS;
    in_turn = NULL;
    left = loads = 0;
    timerq_init();
    sched_init();
    for (uint32_t i = 0; i < n; i++) {
        guests[i].state = GUEST_RUNNING;
        guests[i].vcpu = &vcpus[i];
        vcpus[i].guest = &guests[i];
        list_init(&vcpus[i].run_link);
        sched_add(&vcpus[i]);
    }
}

static uint32_t turn(void)
{
    struct vcpu *v = sched_pick();

    EXPECT(v != NULL);
    sched_run(v);
    return (uint32_t)(v - vcpus);
}

TEST(sched_equals_take_turns)
{
    uint32_t had[GUESTS] = {0};

    set_up(3);
    for (uint32_t i = 0; i < 30; i++)
        had[turn()]++;
    for (uint32_t i = 0; i < 3; i++)
        EXPECT_EQ(had[i], 10u);
}

/* Who was on for a second waits until the others have had one. */
TEST(sched_overshoot_is_given_back)
{
    uint32_t first;

    set_up(3);
    turn_ns = 1000 * MS;
    first = turn();
    turn_ns = 10 * MS;
    for (uint32_t i = 0; i < 199; i++)
        EXPECT(turn() != first);
    EXPECT_EQ(vcpus[first].run_ns, 1000u * MS);
    (void)turn();
    EXPECT_EQ(turn(), first);
}

/* A long sleep gives half a slice, no more. */
TEST(sched_sleepers_have_a_bound)
{
    uint32_t had = 0;

    set_up(2);
    vcpus[1].todo |= VCPU_TODO_HALTED;
    for (uint32_t i = 0; i < 100; i++)
        EXPECT_EQ(turn(), 0u);
    vcpus[1].todo &= ~VCPU_TODO_HALTED;
    EXPECT_EQ(turn(), 1u);
    for (uint32_t i = 0; i < 10; i++)
        had += turn();
    EXPECT_EQ(had, 5u);
}

static void wake_one(struct vcpu *v)
{
    if (v == &vcpus[0]) {
        vcpus[1].todo &= ~VCPU_TODO_HALTED;
        sched_wake(&vcpus[1]);
    }
}

/* An hour alone, in one turn, is owed to nobody who comes later. */
TEST(sched_time_alone_is_not_owed)
{
    set_up(2);
    vcpus[1].todo |= VCPU_TODO_HALTED;
    turn_ns = 3600ull * 1000 * MS;
    in_turn = wake_one;
    EXPECT_EQ(turn(), 0u);
    EXPECT(timer_is_armed(&this_cpu()->slice));
    turn_ns = 10 * MS;
    EXPECT_EQ(turn(), 1u);
    EXPECT_EQ(turn(), 0u);
    EXPECT_EQ(turn(), 1u);
}

TEST(sched_alone_no_slice)
{
    set_up(2);
    vcpus[1].todo |= VCPU_TODO_HALTED;
    EXPECT(sched_pick() == &vcpus[0]);
    EXPECT(!timer_is_armed(&this_cpu()->slice));
    vcpus[1].todo &= ~VCPU_TODO_HALTED;
    EXPECT(sched_pick() != NULL);
    EXPECT(timer_is_armed(&this_cpu()->slice));
    EXPECT_EQ(this_cpu()->slice.deadline_ns, fake_arch.now_ns + 5 * MS);
}

/* Half a slice before the other, at most: then both have slices of 10 ms, and who
 * leaves in between, or begins another life, does not begin a slice. */
TEST(sched_leaving_begins_no_slice)
{
    uint64_t end;

    set_up(2);
    turn_ns = 5 * MS;
    EXPECT_EQ(turn(), 0u);
    EXPECT(sched_pick() == &vcpus[1]);
    end = fake_arch.now_ns + 10 * MS;
    EXPECT_EQ(this_cpu()->slice.deadline_ns, end);
    turn_ns = 3 * MS;
    EXPECT_EQ(turn(), 1u);
    EXPECT(sched_pick() == &vcpus[1]);
    EXPECT_EQ(this_cpu()->slice.deadline_ns, end);
    turn_ns = 7 * MS;
    EXPECT_EQ(turn(), 1u);
    EXPECT_EQ(turn(), 0u);
}

/* With more of them nobody waits much longer for his turn. */
TEST(sched_slices_of_many_are_shorter)
{
    set_up(4);
    vcpus[0].used_ns = vcpus[1].used_ns = vcpus[2].used_ns = 100 * MS;
    EXPECT(sched_pick() == &vcpus[3]);
    EXPECT_EQ(this_cpu()->slice.deadline_ns, fake_arch.now_ns + 5 * MS);
}

static void work(struct vcpu *v)
{
    v->arch.loaded = true;
    sched_point(); /* its slice is not over */
    EXPECT_EQ(left, 0u);
    v->todo |= VCPU_TODO_RESCHED;
    sched_point();
    EXPECT_EQ(left, 1u);
    EXPECT(!v->aside);
    EXPECT_EQ(loads, 1u); /* another may have been loaded */
    v->arch.loaded = false;
    sched_point();
    EXPECT_EQ(left, 2u);
    EXPECT_EQ(loads, 1u); /* it was not, and is not to be */
}

TEST(sched_work_is_put_aside)
{
    set_up(2);
    in_turn = work;
    (void)turn();
    sched_point(); /* on the CPU's own stack nothing is */
    EXPECT_EQ(left, 2u);
}

/* What was begun is finished: also for who is dead or sleeps, not for who is paused. */
TEST(sched_aside_can_run)
{
    set_up(1);
    vcpus[0].aside = true;
    vcpus[0].todo |= VCPU_TODO_HALTED;
    EXPECT(sched_runnable(&vcpus[0]));
    guests[0].state = GUEST_PAUSED;
    EXPECT(!sched_runnable(&vcpus[0]));
    guests[0].end = END_KILLED;
    EXPECT(sched_runnable(&vcpus[0]));
    vcpus[0].aside = false;
    EXPECT(!sched_runnable(&vcpus[0]));
    guests[0].state = GUEST_LEAVING;
    EXPECT(sched_runnable(&vcpus[0]));
    guests[0].state = GUEST_GONE;
    EXPECT(!sched_runnable(&vcpus[0]));
}

/* All start even, whatever was done for them before. */
TEST(sched_even_forgets)
{
    set_up(2);
    vcpus[0].used_ns = 5000ull * MS;
    sched_even();
    EXPECT_EQ(turn() + turn(), 1u);
}
