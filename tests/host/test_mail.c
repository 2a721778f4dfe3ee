/* SPDX-License-Identifier: MIT */
/* Mail: nothing is lost, nothing comes twice or out of its order, nobody waits, and
 * whoever is away is kicked. With threads as the CPUs, too. */
#include "fake.h"
#include "test.h"

#include "hv/mail.h"
#include "hv/percpu.h"
#include "hv/vcpu.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define LETTERS 8u

static struct letter {
    struct mail mail;
    uint32_t handled;
    struct letter *posts; /* by its handler */
} letters[LETTERS];

static char handled[64];

static void handle(struct mail *m)
{
    struct letter *l = HV_CONTAINER_OF(m, struct letter, mail);
    size_t n = strlen(handled);

    EXPECT(!mail_is_posted(m));
    l->handled++;
    REQUIRE(n + 1 < sizeof(handled));
    handled[n] = (char)('0' + (l - letters));
    if (l->posts)
        mail_post(&l->posts->mail, 0);
}

static void set_up(void)
{
    for (uint32_t i = 0; i < LETTERS; i++)
        mail_init(&letters[i].mail, handle);
}

static void post(const char *which)
{
    for (; *which; which++)
        mail_post(&letters[*which - '0'].mail, 0);
}

/* What one reading handled. */
static const char *read_once(void)
{
    memset(handled, 0, sizeof(handled));
    mail_read();
    return handled;
}

TEST(mail_comes_in_the_order_of_posting)
{
    set_up();
    EXPECT_STR(read_once(), "");
    post("3142");
    EXPECT(mail_is_posted(&letters[1].mail));
    EXPECT_STR(read_once(), "3142");
    EXPECT_STR(read_once(), "");
    post("12");
    post("30");
    EXPECT_STR(read_once(), "1230");
}

/* What is waiting already keeps its place, and comes once. */
TEST(mail_posted_again_while_it_waits_comes_once)
{
    set_up();
    post("01101");
    EXPECT_STR(read_once(), "01");
    post("0");
    EXPECT_STR(read_once(), "0");
}

/* A handler that posts itself for ever holds nobody up: it comes once in each reading. */
TEST(mail_posted_by_a_handler_waits_for_the_next_reading)
{
    set_up();
    letters[1].posts = &letters[1];
    letters[2].posts = &letters[3];
    post("120");
    EXPECT_STR(read_once(), "120");
    EXPECT_STR(read_once(), "13");
    EXPECT_STR(read_once(), "1");
    letters[1].posts = &letters[2];
    letters[2].posts = NULL;
    post("2"); /* still to come, when 1 posts it */
    EXPECT_STR(read_once(), "12");
    EXPECT_STR(read_once(), "");
}

static void read_within(struct mail *m)
{
    letters[0].handled++;
    (void)m;
    post("2");
    mail_read();
    EXPECT_EQ(letters[1].handled + letters[2].handled, 0u);
}

/* A handler may come to a preemption point, and so back here. */
TEST(mail_a_reading_within_a_reading_keeps_the_order)
{
    set_up();
    mail_init(&letters[0].mail, read_within);
    post("01");
    EXPECT_STR(read_once(), "1");
    EXPECT_STR(read_once(), "2");
    EXPECT_EQ(letters[0].handled, 1u);
}

/* Who is not away reads by itself. */
TEST(mail_kicks_only_who_is_away)
{
    static struct vcpu v;

    set_up();
    this_cpu()->running = &v;
    post("0");
    EXPECT_EQ(v.posted, 0u);
    EXPECT(!mail_away()); /* it had not read that */
    post("1");
    EXPECT_EQ(v.posted, 0u);
    EXPECT_STR(read_once(), "01");
    EXPECT(mail_away());
    post("2");
    EXPECT_EQ(v.posted, VCPU_TODO_MAIL);
    v.posted = 0;
    post("2");
    EXPECT_EQ(v.posted, 0u); /* it was kicked for that */
    mail_back();
    post("3");
    EXPECT_EQ(v.posted, 0u);
    this_cpu()->running = NULL;
    EXPECT_STR(read_once(), "23");
    EXPECT(mail_away()); /* idle: the interrupt itself wakes it */
    post("4");
    mail_back();
    EXPECT_STR(read_once(), "4");
}

/* ---- the other CPU, between any two instructions ---- */

#if __SIZEOF_POINTER__ == 8
#define READ_FLAGS __builtin_ia32_readeflags_u64
#define WRITE_FLAGS __builtin_ia32_writeeflags_u64
#else
#define READ_FLAGS __builtin_ia32_readeflags_u32
#define WRITE_FLAGS __builtin_ia32_writeeflags_u32
#endif
#define TRAP_FLAG 0x100u

static uint32_t steps_left;
static void (*other)(void);

static void on_step(int signal)
{
    (void)signal;
    if (steps_left > 0 && --steps_left == 0)
        other();
}

/* Calls what(), with then() behind so many of its instructions; false: it had fewer. */
static bool interrupted_at(uint32_t step, void (*what)(void), void (*then)(void))
{
    steps_left = step;
    other = then;
    WRITE_FLAGS(READ_FLAGS() | TRAP_FLAG);
    what();
    WRITE_FLAGS(READ_FLAGS() & ~TRAP_FLAG);
    return steps_left == 0;
}

static struct vcpu turn;
static bool went_away;

static void go_away(void)
{
    went_away = mail_away();
}

static void post_one(void)
{
    mail_post(&letters[0].mail, 0);
}

static void step_through(void (*what)(void), void (*then)(void))
{
    uint32_t step = 0;
    bool inside;

    (void)signal(SIGTRAP, on_step);
    this_cpu()->running = &turn;
    do {
        set_up();
        turn.posted = 0;
        inside = interrupted_at(++step, what, then);
        if (!inside)
            then();
        EXPECT(!went_away || turn.posted == VCPU_TODO_MAIL);
        mail_back();
        EXPECT_STR(read_once(), "0");
    } while (inside);
    EXPECT(step > 10);
}

/* Wherever it is posted while the reader goes away: who has gone is kicked. */
TEST(mail_is_not_left_lying_by_a_reader_that_goes_away)
{
    step_through(go_away, post_one);
}

/* The same the other way round: the reader goes away in the midst of a posting. */
TEST(mail_is_not_left_lying_by_a_sender)
{
    step_through(post_one, go_away);
}

/* ---- many senders ---- */

#define SENDERS 3u
#define POSTS 30000u
#define LIMIT_S 20

static struct sender {
    struct mail mail;
    uint32_t sent, seen;
    bool lost;
} senders[SENDERS];

static void note(struct mail *m)
{
    struct sender *s = HV_CONTAINER_OF(m, struct sender, mail);
    uint32_t sent = __atomic_load_n(&s->sent, __ATOMIC_RELAXED);

    if (sent < s->seen)
        s->lost = true;
    s->seen = sent;
}

static void *send(void *arg)
{
    struct sender *s = arg;

    for (uint32_t i = 1; i <= POSTS; i++) {
        __atomic_store_n(&s->sent, i, __ATOMIC_RELAXED);
        mail_post(&s->mail, 0);
    }
    return NULL;
}

static bool all_seen(void)
{
    for (uint32_t i = 0; i < SENDERS; i++) {
        if (senders[i].seen != POSTS)
            return false;
    }
    return true;
}

/* Threads as CPUs. The reader goes away whenever its box is empty and stays away until it
 * is kicked. The last mail of each sender must arrive: nobody would send another one. */
TEST(mail_of_many_senders_comes)
{
    pthread_t threads[SENDERS];
    time_t end = time(NULL) + LIMIT_S;

    this_cpu()->running = &turn;
    for (uint32_t i = 0; i < SENDERS; i++) {
        mail_init(&senders[i].mail, note);
        REQUIRE(pthread_create(&threads[i], NULL, send, &senders[i]) == 0);
    }
    while (!all_seen() && time(NULL) < end) {
        mail_read();
        if (!mail_away())
            continue;
        while (!__atomic_exchange_n(&turn.posted, 0, __ATOMIC_SEQ_CST)) {
            if (all_seen() || time(NULL) >= end)
                break;
        }
        mail_back();
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        EXPECT_EQ(senders[i].seen, POSTS);
        EXPECT(!senders[i].lost);
        (void)pthread_join(threads[i], NULL);
    }
}
