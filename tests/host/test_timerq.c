/* SPDX-License-Identifier: MIT */
/* The timer queue: who fires when, and how seldom the hardware is programmed. */
#include "fake.h"
#include "test.h"

#include "hv/arch_if.h"
#include "hv/percpu.h"
#include "hv/timerq.h"

#define TIMERS 12

static uint32_t programmed; /* calls of arch_timer_arm() */
static char fired[64];
static uint32_t nr_fired;

void arch_timer_arm(uint64_t deadline_ns)
{
    programmed++;
    fake_arch.timer_deadline_ns = deadline_ns;
}

struct named {
    struct timer t;
    char name;
    uint64_t again_ns; /* not 0: arms itself again when it fires */
};

static void note(struct timer *t)
{
    struct named *n = HV_CONTAINER_OF(t, struct named, t);

    if (nr_fired < sizeof(fired) - 1)
        fired[nr_fired++] = n->name;
    if (n->again_ns != 0)
        timer_arm(t, n->again_ns);
}

static struct named *make(char name)
{
    struct named *n = calloc(1, sizeof(*n));

    REQUIRE(n != NULL);
    n->name = name;
    timer_init(&n->t, NULL, note);
    return n;
}

/* Time moves on and the hardware fires if it was programmed for then. */
static void advance(uint64_t now)
{
    fake_arch.now_ns = now;
    if (fake_arch.timer_deadline_ns <= now) {
        fake_arch.timer_deadline_ns = UINT64_MAX;
        timerq_hardware_fired();
    }
    if (timerq_run_wanted())
        timerq_run();
}

TEST(timerq_fires_in_order_of_deadline)
{
    struct named *a = make('a'), *b = make('b'), *c = make('c');

    timerq_init();
    timer_arm(&b->t, 200);
    timer_arm(&c->t, 300);
    timer_arm(&a->t, 100);
    EXPECT_EQ(timerq_count(), 3);
    advance(99);
    EXPECT_STR(fired, "");
    advance(100);
    EXPECT_STR(fired, "a");
    advance(1000);
    EXPECT_STR(fired, "abc");
    EXPECT_EQ(timerq_count(), 0);
    EXPECT(!timer_is_armed(&a->t));
}

TEST(timerq_same_deadline_fires_first_come_first)
{
    struct named *a = make('a'), *b = make('b'), *c = make('c');

    timerq_init();
    timer_arm(&a->t, 50);
    timer_arm(&b->t, 50);
    timer_arm(&c->t, 50);
    advance(50);
    EXPECT_STR(fired, "abc");
}

TEST(timerq_programs_only_for_a_new_head)
{
    struct named *a = make('a'), *b = make('b');

    timerq_init();
    timer_arm(&a->t, 1000);
    EXPECT_EQ(programmed, 1);
    timer_arm(&b->t, 2000); /* behind */
    EXPECT_EQ(programmed, 1);
    timer_arm(&b->t, 500); /* in front */
    EXPECT_EQ(programmed, 2);
    EXPECT_EQ(fake_arch.timer_deadline_ns, 500);
    timer_arm(&b->t, 3000); /* back again: the hardware is left alone */
    timer_cancel(&a->t);
    EXPECT_EQ(programmed, 2);
    advance(500); /* nothing is due, the next one gets programmed */
    EXPECT_STR(fired, "");
    EXPECT_EQ(programmed, 3);
    EXPECT_EQ(fake_arch.timer_deadline_ns, 3000);
    advance(3000);
    EXPECT_STR(fired, "b");
}

TEST(timerq_cancelled_timer_does_not_fire)
{
    struct named *a = make('a');

    timerq_init();
    timer_cancel(&a->t); /* not armed: harmless */
    timer_arm(&a->t, 10);
    timer_cancel(&a->t);
    timer_cancel(&a->t);
    EXPECT_EQ(timerq_count(), 0);
    advance(20);
    EXPECT_STR(fired, "");
    timer_arm(&a->t, 30);
    advance(30);
    EXPECT_STR(fired, "a");
}

/* What a case of the suite may not leave behind. */
TEST(timerq_charges_whose_timers_are_armed)
{
    struct named *a = make('a'), *b = make('b'), *c = make('c');
    struct account guest = {0};

    timerq_init();
    timer_arm(&a->t, 10); /* the monitor's own */
    timer_init(&b->t, &guest, b->t.fire);
    timer_init(&c->t, &guest, c->t.fire);
    timer_arm(&b->t, 5);
    timer_arm(&c->t, 20);
    timer_arm(&c->t, 30);
    EXPECT_EQ(timerq_count(), 3);
    EXPECT_EQ(guest.timers, 2);
    advance(10); /* a and b */
    EXPECT_STR(fired, "ba");
    EXPECT_EQ(timerq_count(), 1);
    EXPECT_EQ(guest.timers, 1);
    timer_cancel(&c->t);
    timer_cancel(&c->t);
    EXPECT_EQ(guest.timers, 0);
}

TEST(timerq_rearming_replaces)
{
    struct named *a = make('a');

    timerq_init();
    timer_arm(&a->t, 10);
    timer_arm(&a->t, 40);
    timer_arm(&a->t, 20);
    EXPECT_EQ(timerq_count(), 1);
    advance(15);
    EXPECT_STR(fired, "");
    advance(20);
    EXPECT_STR(fired, "a");
    advance(100);
    EXPECT_STR(fired, "a");
}

/* A handler that asks for a time that has passed already fires once a call: a
 * storm costs its owner, not the monitor. */
TEST(timerq_handler_that_rearms_in_the_past_is_bounded)
{
    struct named *a = make('a'), *b = make('b');

    timerq_init();
    a->again_ns = 1;
    timer_arm(&a->t, 10);
    timer_arm(&b->t, 20);
    advance(100);
    EXPECT(nr_fired <= 2);
    EXPECT(timer_is_armed(&a->t));
    EXPECT(fake_arch.timer_deadline_ns <= 100); /* at once */
    advance(101);
    advance(102);
    EXPECT(strchr(fired, 'b') != NULL);
}

TEST(timerq_edges_of_time)
{
    struct named *a = make('a'), *b = make('b');

    timerq_init();
    timer_arm(&a->t, UINT64_MAX);
    timer_arm(&b->t, 0);
    advance(0);
    EXPECT_STR(fired, "b");
    EXPECT_EQ(timerq_count(), 1);
    EXPECT_EQ(fake_arch.timer_deadline_ns, UINT64_MAX);
}

/* The interrupt got lost: the next look at the queue fires and programs. */
TEST(timerq_lost_interrupt_is_made_up_for)
{
    struct named *a = make('a'), *b = make('b');

    timerq_init();
    timer_arm(&a->t, 10);
    timer_arm(&b->t, 500);
    fake_arch.now_ns = 100;
    fake_arch.timer_deadline_ns = UINT64_MAX;
    timerq_run();
    EXPECT_STR(fired, "a");
    EXPECT_EQ(fake_arch.timer_deadline_ns, 500);
}

static struct named *model[TIMERS];
static uint64_t model_deadline[TIMERS]; /* 0: not armed */
static uint64_t model_fired_at[TIMERS];

static void model_note(struct timer *t)
{
    struct named *n = HV_CONTAINER_OF(t, struct named, t);

    model_fired_at[n->name - 'a'] = fake_arch.now_ns;
    EXPECT(model_deadline[n->name - 'a'] != 0);
    EXPECT(model_deadline[n->name - 'a'] <= fake_arch.now_ns);
    model_deadline[n->name - 'a'] = 0;
}

static void model_check(void)
{
    uint32_t armed = 0;

    for (int i = 0; i < TIMERS; i++) {
        EXPECT_EQ(timer_is_armed(&model[i]->t), model_deadline[i] != 0);
        armed += model_deadline[i] != 0;
        /* Due, and the hardware has been told in time. */
        if (model_deadline[i] != 0)
            EXPECT(fake_arch.timer_deadline_ns <= model_deadline[i]);
    }
    EXPECT_EQ(timerq_count(), armed);
}

/* Random arming, cancelling and waiting against an array of deadlines: nothing
 * fires early, twice or never, and the hardware is never set too late. */
TEST(timerq_agrees_with_a_model)
{
    struct test_rng rng = {2611};
    uint64_t now = 1000;

    timerq_init();
    for (int i = 0; i < TIMERS; i++) {
        model[i] = make((char)('a' + i));
        timer_init(&model[i]->t, NULL, model_note);
    }
    for (int step = 0; step < 20000; step++) {
        uint32_t i = test_random_below(&rng, TIMERS);

        switch (test_random_below(&rng, 4)) {
        case 0:
            timer_cancel(&model[i]->t);
            model_deadline[i] = 0;
            break;
        case 1:
            now += test_random_below(&rng, 60);
            advance(now);
            break;
        default:
            model_deadline[i] = now + 1 + test_random_below(&rng, 200);
            timer_arm(&model[i]->t, model_deadline[i]);
            break;
        }
        for (int k = 0; k < TIMERS; k++)
            EXPECT(model_deadline[k] == 0 || model_deadline[k] > now);
        model_check();
    }
}
