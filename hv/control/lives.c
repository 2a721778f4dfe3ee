/* SPDX-License-Identifier: MIT */
/* What happens when guests end, and when all have: the only place that decides
 * whether a guest comes back. */
#include "hv/control.h"

#include "control_int.h"
#include "hv/arch_if.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/guest.h"
#include "hv/mail.h"
#include "hv/main.h"
#include "hv/observer.h"
#include "hv/panic.h"
#include "hv/string.h"

const struct observer *observer;
struct guest_config control_scratch;

static struct {
    uint32_t failures;
    struct timer restart_timer; /* the guest of restart_at_ns that is next */
    bool restart_due;
    bool finished; /* the last guest has ended; exit=wait stays here */
} lives;

static enum guest_on_end policy(const struct guest *g)
{
    if (g->after != AFTER_POLICY)
        return g->after == AFTER_RESTART ? ON_RESTART : ON_DESTROY;
    if (g->end == END_POWEROFF)
        return g->config.on_poweroff;
    if (g->end == END_REBOOT)
        return g->config.on_reboot;
    return g->config.on_crash;
}

/* ---- another life ---- */

/* Lives shorter than this are hasty. After so many in a row the next one waits, so
 * that a guest which crashes as it starts does not take the machine and the log: a
 * second, then twice as long each time. */
#define HASTY_NS 1000000000ull
#define HASTY_FREE 3u
#define HASTY_MAX_DOUBLINGS 6u

static void restart_timer_fired(struct timer *t)
{
    (void)t;
    lives.restart_due = true;
}

void control_init(void)
{
    timer_init(&lives.restart_timer, NULL, restart_timer_fired);
}

static void restart(struct guest *g)
{
    g->after = AFTER_RESTART;
    guest_destroy(g);
}

/* The account of the time that it has had goes on with its next life: starting anew is
 * not for free. */
static void bury(struct guest *g)
{
    uint32_t restarts = g->restarts + 1, hasty = g->hasty_ends;
    uint64_t used = g->vcpu->used_ns;
    bool again;

    mail_read(); /* the last wishes: no letter may lie in what goes now */
    again = g->after == AFTER_RESTART;
    control_scratch = g->config;
    guest_free(g);
    if (!again)
        return;
    g = guest_create(&control_scratch);
    if (!g) {
        lives.failures++;
        return;
    }
    g->restarts = restarts;
    g->hasty_ends = hasty;
    g->vcpu->used_ns = used;
    if (!hv_configured(1))
        console_attach(g);
}

static void restart_in_time(struct guest *g)
{
    uint64_t now = arch_time_ns();
    uint32_t seconds;

    g->hasty_ends = now - g->started_ns < HASTY_NS ? g->hasty_ends + 1 : 0;
    if (g->hasty_ends <= HASTY_FREE) {
        restart(g);
        return;
    }
    seconds = 1u << hv_min_u32(g->hasty_ends - HASTY_FREE - 1, HASTY_MAX_DOUBLINGS);
    log_always("guest %s: ended within a second of its start %u times in a row, "
               "starts again in %u s", g->config.name, g->hasty_ends, seconds);
    g->restart_at_ns = now + seconds * HASTY_NS;
    if (!timer_is_armed(&lives.restart_timer)
        || g->restart_at_ns < lives.restart_timer.deadline_ns)
        timer_arm(&lives.restart_timer, g->restart_at_ns);
}

/* Those that have waited long enough; the timer is for the next of the others. */
static void restart_waiting(void)
{
    uint64_t next = UINT64_MAX, now = arch_time_ns();

    lives.restart_due = false;
    list_for_each_safe(l, after, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(l, struct guest, link);

        if (g->restart_at_ns != 0 && g->restart_at_ns <= now)
            restart(g);
        else if (g->restart_at_ns != 0 && g->restart_at_ns < next)
            next = g->restart_at_ns;
    }
    if (next != UINT64_MAX)
        timer_arm(&lives.restart_timer, next);
}

/* Up to 3.0 a kernel starts on tables that are built for it, and nothing in its image
 * tells of which kind it needs them. One that goes wrong before it has tables of its
 * own gets those of the other kind, once, if the configuration leaves that open. */
static bool retry_with_pae(struct guest *g)
{
    if (!g->boot_pgdir || g->pae_known || g->config.pae >= 0 || !g->abi || !g->abi->has_pae)
        return false;
    log_always("guest %s: %s: it had no page tables of its own yet, so it starts again "
               "with pae=1", g->config.name, g->reason);
    g->config.pae = 1;
    restart(g);
    return true;
}

/* ---- the end ---- */

/* Whether a Linux has lguest inside cannot be seen in its image. */
static void say_what_may_be_wrong(const struct guest *g)
{
    if (g->end == END_KILLED && !g->abi && g->image_abi != ABI_AUTO)
        log_always("guest %s: it ended before its first hypercall: a 32-bit Linux built with "
                   "CONFIG_LGUEST_GUEST is wanted", g->config.name);
}

/* T:310 A guest has ended: what its configuration, or a wish, says comes next. */
static void guest_ended(struct guest *g)
{
    bool bad = g->end == END_CRASH || g->end == END_KILLED;

    g->state = GUEST_ENDED;
    if (bad && !g->config.observer) {
        guest_dump(g);
        if (retry_with_pae(g))
            return;
    }
    log_always("guest %s: ended %s: %s", g->config.name, guest_end_word(g->end), g->reason);
    say_what_may_be_wrong(g);
    if (g->config.observer) {
        g->config.observer->ended(g);
        guest_destroy(g);
        return;
    }
    if (bad)
        lives.failures++;
    switch (policy(g)) {
    case ON_RESTART:
        restart_in_time(g);
        break;
    case ON_PRESERVE:
        console_guest_gone(g);
        break;
    case ON_DESTROY:
    default:
        guest_destroy(g);
        break;
    }
}

/* It has said why. */
static void guest_failed(struct guest *g)
{
    if (g->config.observer)
        g->config.observer->ended(g);
    else if (g->restarts > 0)
        lives.failures++;
    guest_destroy(g);
}

static void reap(void)
{
    list_for_each_safe(l, next, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(l, struct guest, link);

        if (g->state == GUEST_GONE)
            bury(g);
        else if (g->state == GUEST_FAILED)
            guest_failed(g);
        else if (guest_is_dead(g) && !g->vcpu->aside &&
                 (g->state == GUEST_RUNNING || g->state == GUEST_PAUSED))
            guest_ended(g);
    }
}

static bool any_alive(void)
{
    list_for_each(l, &guest_list) {
        const struct guest *g = HV_CONTAINER_OF(l, struct guest, link);

        if (g->state != GUEST_ENDED || g->restart_at_ns != 0)
            return true;
    }
    return false;
}

/* Once, when nothing is left to run. exit=wait keeps the shell. */
static void all_ended(void)
{
    bool ok = lives.failures == 0 && log_config_errors() == 0 &&
              !(observer && observer->has_failed());

    if (lives.finished)
        return;
    lives.finished = true;
    if (hv_options.exit_mode != EXIT_WAIT)
        hv_finish(ok);
    console_set_test_mode(false);
    if (observer && observer->show_result())
        return;
    log_info("all guests have ended; the shell is here (help)");
    console_attach(NULL);
}

void control_poll(void)
{
    reap();
    if (lives.restart_due)
        restart_waiting();
    if (observer && observer->step())
        lives.finished = false; /* the shell may start it more than once */
    else if (!any_alive())
        all_ended();
}
