/* SPDX-License-Identifier: MIT */
/* What is done for the real consoles now and then: input is taken, output pushed on,
 * screens are drawn, in portions; by interrupts where a device has them, else by a timer.
 * And which consoles there are. */
#include "hv/console.h"

#include "console_int.h"
#include "hv/arch_if.h"
#include "hv/cmdline.h"
#include "hv/log.h"
#include "hv/percpu.h"
#include "hv/timerq.h"
#include "shell/shell.h"

/* One push in the background: bounds the time with interrupts off (P5). */
#define PUSH_BYTES 128u
#define RX_BYTES 64u

/* Of a screen, in one call by the run loop. */
#define RUN_PORTIONS 64u

/* Of one poll: pasted lines come in bursts. */
#define MAX_COMMANDS 8u

#define NS_PER_MS 1000000ull
#define POLL_BACKLOG_NS (1 * NS_PER_MS) /* 16 bytes at 115200 take 1.4 ms */
#define POLL_SOON_NS (15 * NS_PER_MS)
#define POLL_INPUT_NS (10 * NS_PER_MS)
#define POLL_UNPROVEN_NS (250 * NS_PER_MS) /* nobody has typed so far */
#define POLL_NEVER_NS UINT64_MAX

#define KEYBOARD_LINE 1u

/* A console that takes nothing in so many polls is not waited for either. */
#define STUCK_POLLS 1000u

static bool background; /* console_start() was called */
static bool polling;
static bool poll_soon, rx_left, screen_left;
static bool burst; /* something was written since the last poll */
static struct timer poll_timer;
static uint64_t poll_interval_ns = POLL_NEVER_NS; /* as armed */

/* ---- the poll timer ---- */

static bool has_backlog(void)
{
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        if (console_backlog(&console_sinks[i]) != 0 && !console_sinks[i].stuck)
            return true;
    }
    return false;
}

static uint64_t wanted_interval(void)
{
    uint64_t wanted = POLL_NEVER_NS;

    if (rx_left || screen_left || has_backlog())
        return POLL_BACKLOG_NS;
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        const struct sink *s = &console_sinks[i];
        uint64_t interval = POLL_INPUT_NS;

        if (s->ops->rx == NULL || s->irq_works)
            continue;
        if (s->line == KEYBOARD_LINE && !s->polled)
            interval = POLL_UNPROVEN_NS;
        wanted = interval < wanted ? interval : wanted;
    }
    return poll_soon && wanted > POLL_SOON_NS ? POLL_SOON_NS : wanted;
}

static void arm_poll(void)
{
    uint64_t wanted = wanted_interval();

    if (!background || console_is_panicking() || wanted >= poll_interval_ns)
        return;
    poll_interval_ns = wanted;
    timer_arm(&poll_timer, arch_time_ns() + wanted);
}

static void console_interrupt(void);

static void poll_timer_fired(struct timer *t)
{
    (void)t;
    poll_interval_ns = POLL_NEVER_NS;
    console_interrupt();
}

bool console_in_background(void)
{
    return background;
}

/* The first of a burst goes out at once, the rest with the next poll; screens are redrawn
 * then, too: once for many lines. */
void console_push_soon(void)
{
    if (burst)
        return;
    console_push(PUSH_BYTES, false);
    burst = poll_soon = true;
    arm_poll();
}

/* ---- input, and everything that is done now and then ---- */

static void note_irq(struct sink *s)
{
    if (!s->irq_works && s->line < HV_ARRAY_SIZE(this_cpu()->irq_count))
        s->irq_works = this_cpu()->irq_count[s->line] != 0;
}

static bool poll_input(struct sink *s)
{
    for (uint32_t i = 0; i < RX_BYTES && !shell_is_busy(); i++) {
        int byte = s->ops->rx();

        if (byte < 0)
            return false;
        s->polled = true;
        if (byte >= CONSOLE_KEY_PAGE_UP) {
            console_page_key((enum console_key)byte);
            continue;
        }
        if (s->ops->tx == NULL)
            console_scroll(0); /* the keyboard of the screens */
        console_input((uint8_t)byte);
    }
    return true;
}

static void poll_all_input(void)
{
    rx_left = false;
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        if (console_sinks[i].ops->rx == NULL)
            continue;
        note_irq(&console_sinks[i]);
        rx_left = poll_input(&console_sinks[i]) || rx_left;
    }
    console_input_end();
}

/* Output, screens, and the timer for the next time. */
static void push_background(bool soon)
{
    if (!console_enter())
        return;
    console_push(PUSH_BYTES, false);
    screen_left = false;
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        struct sink *s = &console_sinks[i];

        if (s->ops->flush != NULL)
            screen_left = s->ops->flush() || screen_left;
        if (console_backlog(s) != 0 && s->idle_polls++ >= STUCK_POLLS)
            s->stuck = true;
    }
    poll_soon = soon;
    burst = false;
    arm_poll();
    console_drop_lock();
}

/* Whoever is called from here may come to a preemption point, and so back here:
 * input is not taken out of order then. */
static void poll(bool may_run_commands)
{
    bool soon;

    if (console_is_panicking())
        return;
    if (polling) {
        push_background(poll_soon);
        return;
    }
    polling = true;
    poll_all_input();
    log_show_deferred();
    for (uint32_t i = 0; may_run_commands && shell_is_busy() && i < MAX_COMMANDS;
         i++) {
        shell_run_pending();
        poll_all_input();
    }
    soon = console_guest_poll();
    soon = console_prompt_poll() || soon;
    push_background(soon);
    polling = false;
}

/* A screen that is behind catches up here, a portion between two preemption
 * points; in interrupts it gets one portion a millisecond. */
void console_poll(void)
{
    poll(true);
    for (uint32_t i = 0; i < RUN_PORTIONS && screen_left && !console_is_panicking(); i++) {
        arch_preempt_point();
        push_background(poll_soon);
    }
}

static void console_interrupt(void)
{
    poll(false);
}

/* ---- set-up ---- */

static HV_INIT void add_with_line(const struct console_ops *ops, uint32_t line)
{
    uint32_t before = console_nr_sinks;

    console_add(ops);
    if (console_nr_sinks > before)
        console_sinks[before].line = line;
}

static HV_INIT void add_consoles(uint32_t want)
{
    bool all = want == 0;

    if (all)
        console_add(debugcon_init());
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(hv_options.com); i++) {
        const struct uart_cfg *c = &hv_options.com[i];

        if (all || (want & (i == 0 ? CONSOLE_COM1 : CONSOLE_COM2)) != 0)
            add_with_line(ns16550_init(i, c->port, c->baud), c->irq);
    }
    if (all || (want & CONSOLE_VGA) != 0)
        console_add(vga_text_init());
    if (all || (want & CONSOLE_FB) != 0)
        console_add(framebuffer_init());
    if (all || (want & (CONSOLE_VGA | CONSOLE_FB)) != 0)
        add_with_line(ps2_keyboard_init(hv_options.keymap), KEYBOARD_LINE);
}

static HV_INIT bool has_output(void)
{
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        if (console_sinks[i].ops->tx != NULL)
            return true;
    }
    return false;
}

HV_INIT void console_init_early(void)
{
    log_set_level((enum log_level)hv_options.loglvl);
    add_consoles(hv_options.consoles);
    if (has_output())
        return;
    /* A machine that says nothing helps nobody. */
    console_nr_sinks = 0;
    add_consoles(0);
    if (hv_options.consoles != 0)
        log_warn("console=: none of these is there, all that are found are used");
}

/* Makes the device interrupt once and looks whether it arrives. */
static void test_irq(struct sink *s)
{
    uint32_t before = this_cpu()->irq_count[s->line];

    if (!s->ops->set_irq(CONSOLE_IRQ_TEST))
        return;
    for (uint32_t i = 0; i < 1000 && !s->irq_works; i++) {
        arch_preempt_point();
        s->irq_works = this_cpu()->irq_count[s->line] != before;
    }
    (void)s->ops->set_irq(CONSOLE_IRQ_RX);
}

void console_start(void)
{
    timer_init(&poll_timer, NULL, poll_timer_fired);
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        struct sink *s = &console_sinks[i];

        if (s->ops->rx == NULL || s->line >= HV_ARRAY_SIZE(this_cpu()->irq_count))
            continue;
        arch_irq_set_handler(s->line, console_interrupt);
        if (s->ops->set_irq != NULL)
            test_irq(s);
        if (!s->irq_works)
            log_debug("%s: no interrupt on line %u seen, polling",
                      s->ops->name, s->line);
    }
    if (hv_options.test[0] != '\0')
        console_set_test_mode(true);
    background = true;
    arm_poll();
}
