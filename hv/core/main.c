/* SPDX-License-Identifier: MIT */
/* T:110 The monitor's own loop on a CPU, and what happens when guests end. */
#include "hv/main.h"

#include "hv/arch_if.h"
#include "hv/boot_info.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/embedded.h"
#include "hv/frame.h"
#include "hv/guest.h"
#include "hv/mail.h"
#include "hv/observer.h"
#include "hv/percpu.h"
#include "hv/pmm.h"
#include "hv/sched.h"
#include "hv/shadow.h"
#include "hv/string.h"
#include "hv/suite.h"
#include "hv/timerq.h"
#include "version.h"

const struct observer *observer;

static struct {
    uint32_t nr_configs;
    struct guest_config *configs[GUEST_MAX];
    uint32_t failures;
    bool guests_refused; /* modules or test=, and complaints: no demo instead */
    struct timer restart_timer; /* the guest of restart_at_ns that is next */
    bool restart_due;
    bool finished; /* the last guest has ended; exit=wait stays here */
    struct guest_config scratch; /* too large for a stack; boot CPU only */
} hv;

int hv_add_guest(const struct guest_config *c)
{
    hfn_t f;

    if (hv.nr_configs == GUEST_MAX)
        return -HV_ENOSPC;
    for (uint32_t i = 0; i < hv.nr_configs; i++) {
        if (!strcmp(hv.configs[i]->name, c->name))
            return -HV_EEXIST;
    }
    f = pmm_alloc_contig((sizeof(*c) + HV_PAGE_MASK) >> HV_PAGE_SHIFT, 1, 0);
    if (hfn_is_none(f))
        return -HV_ENOMEM;
    hv.configs[hv.nr_configs] = frame_ptr(f);
    *hv.configs[hv.nr_configs++] = *c;
    return 0;
}

uint32_t hv_nr_configured(void)
{
    return hv.nr_configs;
}

const struct guest_config *hv_configured(uint32_t i)
{
    return hv.configs[i];
}

void hv_count_failure(void)
{
    hv.failures++;
}

void hv_finish(bool ok)
{
    console_flush();
    switch (hv_options.exit_mode) {
    case EXIT_DEBUG:
        arch_debug_exit(ok ? 0 : 1);
        arch_halt();
    case EXIT_POWEROFF:
        arch_poweroff();
    case EXIT_REBOOT:
        arch_reboot();
    case EXIT_HALT:
    case EXIT_WAIT:
    default:
        arch_halt();
    }
}

/* ---- the end of a guest ---- */

static const char *end_word(enum guest_end e)
{
    switch (e) {
    case END_POWEROFF:
        return "poweroff";
    case END_REBOOT:
        return "reboot";
    case END_CRASH:
        return "crash";
    case END_KILLED:
    case END_NONE:
    default:
        return "killed";
    }
}

static enum guest_on_end policy(const struct guest *g)
{
    if (g->restart_asked)
        return ON_RESTART;
    if (g->end == END_POWEROFF)
        return g->config.on_poweroff;
    if (g->end == END_REBOOT)
        return g->config.on_reboot;
    return g->config.on_crash;
}

/* Lives shorter than this are hasty. After so many in a row the next one waits, so
 * that a guest which crashes as it starts does not take the machine and the log: a
 * second, then twice as long each time. */
#define HASTY_NS 1000000000ull
#define HASTY_FREE 3u
#define HASTY_MAX_DOUBLINGS 6u

static void restart_timer_fired(struct timer *t)
{
    (void)t;
    hv.restart_due = true;
}

static void restart(struct guest *g)
{
    g->again = true;
    guest_destroy(g);
}

/* The account of the time that it has had goes on with its next life: starting anew is
 * not for free. */
static void bury(struct guest *g)
{
    bool again = g->again || g->restart_asked; /* perhaps while it was leaving */
    uint32_t restarts = g->restarts + 1, hasty = g->hasty_ends;
    uint64_t used = g->vcpu->used_ns;

    hv.scratch = g->config;
    guest_free(g);
    if (!again)
        return;
    g = guest_create(&hv.scratch);
    if (!g) {
        hv_count_failure();
        return;
    }
    g->restarts = restarts;
    g->hasty_ends = hasty;
    g->vcpu->used_ns = used;
    if (hv.nr_configs <= 1)
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
    if (!timer_is_armed(&hv.restart_timer)
        || g->restart_at_ns < hv.restart_timer.deadline_ns)
        timer_arm(&hv.restart_timer, g->restart_at_ns);
}

/* Those that have waited long enough; the timer is for the next of the others. */
static void restart_waiting(void)
{
    uint64_t next = UINT64_MAX, now = arch_time_ns();

    hv.restart_due = false;
    list_for_each_safe(l, after, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(l, struct guest, link);

        if (g->restart_at_ns != 0 && g->restart_at_ns <= now)
            restart(g);
        else if (g->restart_at_ns != 0 && g->restart_at_ns < next)
            next = g->restart_at_ns;
    }
    if (next != UINT64_MAX)
        timer_arm(&hv.restart_timer, next);
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

/* Whether a Linux has lguest inside cannot be seen in its image. */
static void say_what_may_be_wrong(const struct guest *g)
{
    if (g->end == END_KILLED && !g->abi && g->image_abi != ABI_AUTO)
        log_always("guest %s: it ended before its first hypercall: a 32-bit Linux built with "
                   "CONFIG_LGUEST_GUEST is wanted", g->config.name);
}

static void guest_ended(struct guest *g)
{
    bool bad = g->end == END_CRASH || g->end == END_KILLED;

    g->state = GUEST_ENDED;
    if (bad && !g->config.observer) {
        guest_dump(g);
        if (retry_with_pae(g))
            return;
    }
    log_always("guest %s: ended %s: %s", g->config.name, end_word(g->end), g->reason);
    say_what_may_be_wrong(g);
    if (g->config.observer) {
        g->config.observer->ended(g);
        guest_destroy(g);
        return;
    }
    if (bad)
        hv_count_failure();
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
        hv_count_failure();
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
    bool ok = hv.failures == 0 && log_config_errors() == 0 &&
              !(observer && observer->has_failed());

    if (hv.finished)
        return;
    hv.finished = true;
    if (hv_options.exit_mode != EXIT_WAIT)
        hv_finish(ok);
    console_set_test_mode(false);
    if (observer && observer->show_result())
        return;
    log_info("all guests have ended; the shell is here (help)");
    console_attach(NULL);
}

/* ---- start ---- */

static bool add_demo(void)
{
    struct guest_config *c = &hv.scratch;

    guest_config_init(c);
    c->kernel = embedded_find("demo");
    if (!c->kernel.bytes)
        return false;
    str_copy(c->name, "demo", sizeof(c->name));
    str_copy(c->kernel_name, "demo", sizeof(c->kernel_name));
    c->memory_mib = 8;
    return hv_add_guest(c) == 0;
}

static void start_guests(void)
{
    struct guest *only = NULL;
    uint32_t started = 0;

    if (hv.nr_configs == 0 && !hv.guests_refused && !hv_options.demo_off &&
        !observer)
        add_demo();
    for (uint32_t i = 0; i < hv.nr_configs; i++) {
        struct guest *g = guest_create(hv.configs[i]);

        while (g && g->state == GUEST_BUILDING) /* nobody is there to wait */
            sched_run(g->vcpu);
        if (g && g->state != GUEST_FAILED) {
            only = g;
            started++;
        }
    }
    if (started == 1)
        console_attach(only);
    else if (started > 1)
        console_show_all();
    else if (!observer)
        console_attach(NULL);
}

/* boot_info is boot-only memory: before hv_init_free(). */
static void print_banner(void)
{
    static const char *const loaders[] = {
        [BOOT_MULTIBOOT1] = "multiboot1",
        [BOOT_MULTIBOOT2] = "multiboot2",
        [BOOT_PVH] = "pvh",
        [BOOT_EFI] = "efi",
    };

    log_always("ringside %s cpus=1 memory=%uMiB boot=%s", HV_VERSION,
               pmm_total_frames() / 256, loaders[boot_info.loader]);
    log_info("%s", console_way_out_hint());
}

/* A test run with a word that was not understood would prove something else
 * than was asked for (docs/usage.md, "Hypervisor command line"). */
static void refuse_suite(void)
{
    log_always("test= is not run: the configuration has %u errors, see above",
               log_config_errors());
    log_always("suite done rc=1");
    if (hv_options.exit_mode != EXIT_WAIT)
        hv_finish(false);
    hv.guests_refused = true;
}

void hv_run(void)
{
    print_banner();
    hv.guests_refused = boot_info.modules_seen > 0 && log_config_errors() > 0;
    hv_init_free();
    sched_init();
    timer_init_own(&hv.restart_timer, restart_timer_fired);
    if (hv_options.test_refused || (hv_options.test[0] && log_config_errors()))
        refuse_suite();
    else if (hv_options.test[0])
        (void)suite_start(hv_options.test);
    while (pmm_clear_ahead())
        arch_preempt_point();
    start_guests();
    sched_even();
    for (;;) {
        struct vcpu *v;

        this_cpu()->progress++;
        arch_preempt_point();
        mail_read();
        timerq_run();
        console_poll();
        reap();
        if (hv.restart_due)
            restart_waiting();
        if (observer && observer->step())
            hv.finished = false; /* the shell may start it more than once */
        else if (!any_alive())
            all_ended();
        v = sched_pick();
        if ((!v && pmm_clear_ahead()) || !mail_away())
            continue;
        if (v)
            sched_run(v);
        else
            arch_idle();
        mail_back();
    }
}
