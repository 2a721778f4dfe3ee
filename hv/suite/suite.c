/* SPDX-License-Identifier: MIT */
/* Runs the selected cases one after the other beside the canary (docs/usage.md,
 * "test="; tests/guests/README.md has P1 to P6).  A state machine that
 * suite_step() advances between time slices; nothing here waits.
 *
 * After each case: the canary beats, says that all is well and had its share
 * (P1), the monitor is as it was before (P2 to P5, suite_after.c), the guest
 * ended as declared (P6). */

#include "hv/arch_if.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/guest.h"
#include "hv/observer.h"
#include "hv/percpu.h"
#include "hv/string.h"
#include "hv/suite.h"
#include "suite_pack.h"

#define CANARY_NAME "canary"
#define CANARY_BEATS 0x00ffffffu /* the rest of its word: what is wrong */
#define CANARY_WAIT_NS 3000000000ull
/* A canary that beats at least this often had its share of the CPU. */
#define CANARY_SLOWEST_BEAT_NS 100000000u
#define RUNS_DEFAULT_MS 250u
#define NS_PER_S 1000000000ull

enum phase {
    PHASE_DONE,   /* or never begun */
    PHASE_START,
    PHASE_CANARY, /* wait until it beats */
    PHASE_NEXT,   /* choose a case, take the baseline */
    PHASE_PEER,   /* the guest beside the case is being built */
    PHASE_BEFORE, /* the case that goes first is running */
    PHASE_BUILD,  /* the guest of the case is being built */
    PHASE_RUN,
    PHASE_END,    /* guests are on their way out */
    PHASE_CHECK,  /* wait for the canary's next beat, then judge */
    PHASE_LAST,   /* the canary is on its way out */
};

static struct {
    enum phase phase;
    struct suite_pack pack;
    uint32_t canary_case;
    struct party {
        struct guest *guest; /* NULL once it has ended */
        struct suite_end end;
    } main, peer;
    uint32_t index, number;
    uint64_t start_ns, deadline_ns, run_ns, limit_ns;
    uint32_t beats_at_start, beats_at_end;
    uint32_t seed, lives; /* GT_AGAIN: of this life, so far */
    uint64_t again_until_ns;
    bool timed_out, runs, whatever;
    bool peer_lost; /* the guest beside the case ended, and was to run on */
    bool cut_off; /* a life of GT_AGAIN that was long enough */
    struct timer alarm; /* so that an idle CPU looks at the deadline */
    uint8_t selected[SUITE_MAX_CASES];
} suite;

static const struct observer suite_observer;

static void alarm_fired(struct timer *t)
{
    (void)t; /* the wake-up is all that was wanted */
}

static void set_deadline(uint64_t ns_from_now)
{
    suite.deadline_ns = arch_time_ns() + ns_from_now;
    timer_arm(&suite.alarm, suite.deadline_ns);
}

static bool past_deadline(void)
{
    return arch_time_ns() >= suite.deadline_ns;
}

static const struct suite_case *current(void)
{
    return &suite.pack.cases[suite.index];
}

static uint32_t canary_word(void)
{
    return suite_canary.guest ? suite_canary.word : 0;
}

/* ---- guests ---- */

static struct guest *start_guest(uint32_t index, const char *name)
{
    return suite_start_guest(&suite.pack, index, name, suite.seed, &suite_observer);
}

static void start_canary(void)
{
    suite_canary.word = 0;
    suite_canary.guest = start_guest(suite.canary_case, CANARY_NAME);
    set_deadline(CANARY_WAIT_NS);
    suite.phase = PHASE_CANARY;
}

static void guest_ended(struct guest *g)
{
    struct party *p = g == suite.main.guest ? &suite.main : &suite.peer;

    if (g == suite_canary.guest)
        suite_canary.guest = NULL;
    if (g != p->guest)
        return;
    suite_irqs_begin(false); /* it is taken apart next */
    p->guest = NULL;
    p->end.ended = true;
    p->end.how = g->end;
    str_copy(p->end.reason, g->reason, sizeof(p->end.reason));
}

/* ---- the phases ---- */

static void phase_start(void)
{
    char word[64];
    uint32_t n, unknown = 0;

    console_set_test_mode(true);
    timer_init(&suite.alarm, NULL, alarm_fired);
    if (!suite_pack_open(&suite.pack)) {
        suite_report_plan(1);
        suite_report_case(1, "suite", SUITE_FAIL, "no test guests");
        suite.phase = PHASE_LAST;
        return;
    }
    n = suite_select(&suite.pack, hv_options.test, suite.selected);
    while (suite_unknown_word(&suite.pack, hv_options.test, unknown, word, sizeof(word)))
        unknown++;
    suite_report_plan(n + unknown);
    for (uint32_t i = 0; i < unknown; i++) {
        (void)suite_unknown_word(&suite.pack, hv_options.test, i, word, sizeof(word));
        suite_report_case(++suite.number, word, SUITE_FAIL, "no such test or group");
    }
    suite.index = 0;
    (void)suite_disk(); /* now: no case is to have taken it */
    suite.canary_case = suite_pack_find(&suite.pack, "canary.canary");
    suite.phase = PHASE_NEXT;
    if (n && suite.canary_case != SUITE_NO_CASE)
        start_canary();
}

static void phase_canary(void)
{
    if ((canary_word() & CANARY_BEATS) >= 3 || past_deadline())
        suite.phase = PHASE_NEXT;
}

static void start_main(void)
{
    const struct suite_case *c = current();
    uint32_t ms = (c->timeout_s ? c->timeout_s : hv_options.timeout_s) * 1000;

    suite_share_begin((c->flags & GT_SHARE) != 0, suite.peer.guest ? 3 : 2);
    if ((suite.runs || suite.whatever || (c->flags & GT_AGAIN)) && !c->timeout_s)
        ms = RUNS_DEFAULT_MS;
    suite.main.guest = start_guest(suite.index, c->name);
    if (!suite.main.guest) {
        suite.main.end.ended = true;
        str_copy(suite.main.end.reason, "could not be started", sizeof(suite.main.end.reason));
    }
    suite.limit_ns = (uint64_t)ms * 1000000u;
    set_deadline(suite.limit_ns);
    suite.phase = PHASE_BUILD;
}

static bool is_built(const struct guest *g)
{
    return !g || g->state != GUEST_BUILDING || past_deadline();
}

static void phase_build(void)
{
    if (!is_built(suite.main.guest))
        return;
    suite_irqs_begin(true);
    suite.beats_at_start = canary_word();
    suite.start_ns = arch_time_ns();
    set_deadline(suite.limit_ns);
    suite.phase = PHASE_RUN;
}

/* Seeds are the same in each run unless seed= says otherwise, but for attacks: the
 * point of those is that every run is another one. */
static uint32_t first_seed(const struct suite_case *c)
{
    uint32_t seed;

    if (hv_options.seed_given)
        return (uint32_t)hv_options.seed;
    if (!(c->flags & GT_AGAIN))
        return 1;
    arch_entropy(&seed, sizeof(seed));
    return seed >> 1; /* room to count up */
}

static void phase_next(void)
{
    const struct suite_case *c;

    while (suite.index < suite.pack.nr_cases && !suite.selected[suite.index])
        suite.index++;
    if (suite.index >= suite.pack.nr_cases) {
        suite.phase = PHASE_LAST;
        return;
    }
    c = current();
    if (suite.lives == 0) {
        suite.seed = first_seed(c);
        if (c->flags & GT_AGAIN)
            log_raw("# %s: seeds from %u\n", c->name, suite.seed);
        suite.again_until_ns = arch_time_ns() + hv_options.timeout_s * NS_PER_S;
    }
    suite.main = suite.peer = (struct party){0};
    suite.timed_out = suite.cut_off = false;
    suite.runs = strcmp(c->expect, "runs") == 0;
    suite.whatever = strcmp(c->expect, "whatever") == 0;
    suite_before_take();
    if (c->with != SUITE_NO_CASE)
        suite.peer.guest = start_guest(c->with, "peer");
    set_deadline(hv_options.timeout_s * NS_PER_S);
    suite.phase = PHASE_PEER;
}

static void phase_peer(void)
{
    if (!is_built(suite.peer.guest))
        return;
    if (current()->flags & GT_BEFORE)
        suite.phase = PHASE_BEFORE;
    else
        start_main();
}

static void phase_before(void)
{
    if (suite.peer.guest && past_deadline()) {
        guest_request_end(suite.peer.guest, "suite: time limit");
        suite.timed_out = true;
        set_deadline(CANARY_WAIT_NS);
    }
    if (!suite.peer.guest && !guest_find("peer"))
        start_main();
}

/* True if the case has a guest beside it that is declared to run on. */
static bool peer_runs_on(void)
{
    const struct suite_case *c = current();

    return c->with != SUITE_NO_CASE && !(c->flags & GT_BEFORE) &&
           strcmp(suite.pack.cases[c->with].expect, "runs") == 0;
}

static void phase_run(void)
{
    if (!suite.main.end.ended && !past_deadline())
        return;
    suite.run_ns = arch_time_ns() - suite.start_ns;
    suite_irqs_begin(false);
    if (!suite.main.end.ended) {
        suite.cut_off = (current()->flags & GT_AGAIN) != 0;
        suite.timed_out = !suite.runs && !suite.whatever && !suite.cut_off;
        guest_request_end(suite.main.guest, "suite: time limit");
    } else if (suite.runs && !suite_is_skip(&suite.main.end)) {
        suite.timed_out = true; /* it should not have ended */
    }
    suite.peer_lost = peer_runs_on() && suite.peer.end.ended &&
                      !suite_is_skip(&suite.peer.end);
    if (suite.peer.guest)
        guest_request_end(suite.peer.guest, "suite: the case is over");
    suite.beats_at_end = canary_word();
    set_deadline(CANARY_WAIT_NS);
    suite.phase = PHASE_END;
}

static void phase_end(void)
{
    if (!past_deadline() && (guest_find("peer") || guest_find(current()->name)))
        return;
    suite_share_end(current()->name);
    suite.beats_at_end = canary_word();
    set_deadline(CANARY_WAIT_NS);
    suite.phase = PHASE_CHECK;
}

/* P1, then what the monitor finds about itself (P2 to P5), in the order in which
 * they explain each other. */
static bool aftermath_is_good(char *why, uint32_t bytes)
{
    uint32_t word = canary_word();

    if (suite.main.guest || suite.peer.guest)
        hv_snprintf(why, bytes, "the guest could not be ended");
    else if (!suite_canary.guest)
        hv_snprintf(why, bytes, "the canary is dead");
    else if (word & ~CANARY_BEATS)
        hv_snprintf(why, bytes, "the canary complains: %#x", word);
    else if (word == suite.beats_at_end)
        hv_snprintf(why, bytes, "the canary does not beat");
    else
        return suite_is_as_before(why, bytes);
    return false;
}

static enum suite_verdict judge(char *why, uint32_t bytes)
{
    uint32_t beats = suite.beats_at_end - suite.beats_at_start;
    enum suite_verdict v = SUITE_PASS;

    if (suite.timed_out) {
        hv_snprintf(why, bytes, "%s%s", suite.runs ? "ended: " : "time limit",
                    suite.runs ? suite.main.end.reason : "");
        return SUITE_FAIL;
    }
    if (!suite.cut_off && (!suite.runs || suite_is_skip(&suite.main.end)))
        v = suite_judge(current(), &suite.main.end, why, bytes);
    else if (suite.runs && beats < div64(suite.run_ns, CANARY_SLOWEST_BEAT_NS, NULL)) {
        hv_snprintf(why, bytes, "the canary got only %u beats", beats);
        return SUITE_FAIL;
    }
    if (v == SUITE_FAIL)
        return v;
    if (suite.peer_lost) {
        hv_snprintf(why, bytes, "the guest beside it ended: %s", suite.peer.end.reason);
        return SUITE_FAIL;
    }
    return aftermath_is_good(why, bytes) ? v : SUITE_FAIL;
}

static void report(enum suite_verdict v, const char *why)
{
    const struct suite_case *c = current();

    if ((c->flags & GT_AGAIN) && v == SUITE_PASS)
        log_raw("# %s: %u lives, seeds %u to %u\n", c->name, suite.lives,
                suite.seed - suite.lives, suite.seed - 1);
    else if (c->flags & GT_AGAIN)
        log_raw("# %s: life %u, again with: test=%s audit=%u seed=%u\n", c->name,
                suite.lives + 1, c->name, hv_options.audit, suite.seed);
    suite_report_case(++suite.number, c->name, v, why);
}

static void phase_check(void)
{
    char why[256] = "";
    enum suite_verdict v;

    if (suite_canary.guest && !past_deadline() && canary_word() == suite.beats_at_end)
        return;
    v = judge(why, sizeof(why));
    suite_irqs_report(current()->name);
    suite.phase = PHASE_NEXT;
    if ((current()->flags & GT_AGAIN) && v == SUITE_PASS) {
        suite.lives++;
        suite.seed++;
        if (arch_time_ns() < suite.again_until_ns)
            return;
    }
    report(v, why);
    suite.lives = 0;
    suite.index++;
    if (!suite_canary.guest)
        start_canary();
}

/* The canary goes last; then the end is printed, once. */
static void phase_last(void)
{
    timer_cancel(&suite.alarm);
    if (suite_canary.guest)
        guest_request_end(suite_canary.guest, "suite: the end");
    if (guest_find(CANARY_NAME))
        return;
    suite_irqs_totals();
    suite_share_totals();
    suite_report_totals();
    console_set_test_mode(false);
    this_cpu()->always_slice = false;
    suite.phase = PHASE_DONE;
}

static bool step(void)
{
    enum phase before;

    do {
        before = suite.phase;
        switch (suite.phase) {
        case PHASE_START: phase_start(); break;
        case PHASE_CANARY: phase_canary(); break;
        case PHASE_NEXT: phase_next(); break;
        case PHASE_PEER: phase_peer(); break;
        case PHASE_BEFORE: phase_before(); break;
        case PHASE_BUILD: phase_build(); break;
        case PHASE_RUN: phase_run(); break;
        case PHASE_END: phase_end(); break;
        case PHASE_CHECK: phase_check(); break;
        case PHASE_LAST: phase_last(); break;
        case PHASE_DONE: break;
        }
    } while (suite.phase != before);
    return suite.phase != PHASE_DONE;
}

static bool show_report(void)
{
    uint32_t index = suite_pack_find(&suite.pack, "report.page");
    struct guest *g;

    if (suite.phase != PHASE_DONE || index == SUITE_NO_CASE || !suite_disk())
        return false;
    g = suite_start_guest(&suite.pack, index, "report", 0, NULL); /* a guest like any */
    if (!g)
        return false;
    suite_report_text((char *)suite_disk(), SUITE_DISK_BYTES); /* it has not run yet */
    console_attach(g);
    return true;
}

static const struct observer suite_observer = {
    .step = step,
    .ended = guest_ended,
    .gone = suite_guest_gone,
    .port_in = suite_port_in,
    .port_out = suite_port_out,
    .has_failed = suite_report_failed,
    .show_result = show_report,
};

bool suite_start(const char *test)
{
    if (suite.phase != PHASE_DONE)
        return false;
    (void)str_copy(hv_options.test, test, sizeof(hv_options.test));
    console_set_test_mode(true);
    observer = &suite_observer;
    this_cpu()->always_slice = true; /* deadlines are looked at between slices */
    suite.number = 0;
    suite.phase = PHASE_START;
    return true;
}
