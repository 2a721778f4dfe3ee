/* SPDX-License-Identifier: MIT */
/* T:410 The console core.  All output is one stream of bytes in a ring; every
 * real console has its own place in it and takes bytes at its own speed, so
 * that a slow or absent UART holds nobody up: what it cannot take in time is
 * dropped and counted.  Every wait is bounded. */
#include "hv/console.h"

#include "console_int.h"
#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/cmdline.h"
#include "hv/driver.h"
#include "hv/lock.h"
#include "hv/log.h"
#include "hv/percpu.h"
#include "hv/string.h"
#include "hv/timerq.h"
#include "shell/shell.h"

#define RING_BYTES HV_KIB(64) /* a power of two */
#define MAX_SINKS 6u

/* One push in the background: bounds the time with interrupts off (P5). */
#define PUSH_BYTES 128u
#define RX_BYTES 64u

/* A screen is drawn in portions: of one flush, and of one call by the run loop. */
#define MAX_PORTIONS 100000u
#define RUN_PORTIONS 64u

/* Of one poll: pasted lines come in bursts. */
#define MAX_COMMANDS 8u

/* A UART at 9600 baud takes 1 ms for a byte; one look at it takes about 1 us.
 * After one such wait in vain the console is not waited for again. */
#define WAIT_SPINS 100000u

/* After a panic no more than this of the backlog is still written. */
#define PANIC_BACKLOG HV_KIB(4)

#define NS_PER_MS 1000000ull
#define POLL_BACKLOG_NS (1 * NS_PER_MS) /* 16 bytes at 115200 take 1.4 ms */
#define POLL_SOON_NS (15 * NS_PER_MS)
#define POLL_INPUT_NS (10 * NS_PER_MS)
#define POLL_UNPROVEN_NS (250 * NS_PER_MS) /* nobody has typed so far */
#define POLL_NEVER_NS UINT64_MAX

#define KEYBOARD_LINE 1u
#define NO_LINE 0xffu
#define NOBODY 0xffffffffu

/* The last part of the ring is for the monitor's own lines: a guest that floods
 * its console loses its own output and nobody else's. */
#define GUEST_BACKLOG (RING_BYTES / 4 * 3)

/* A console that takes nothing in so many polls is not waited for either. */
#define STUCK_POLLS 1000u

struct sink {
    const struct console_ops *ops;
    uint32_t tail;  /* next byte to write; the stream's end is ring_head */
    uint32_t line;  /* ISA interrupt, or NO_LINE */
    uint32_t idle_polls; /* since it last took a byte, with some to take */
    bool stuck;     /* was waited for in vain */
    bool irq_works;
    bool polled; /* input was found that no interrupt had announced */
};

static char ring[RING_BYTES];
static uint32_t ring_head; /* bytes ever written; wraps at 4 GiB */
static bool ring_wrapped;
/* Up to here nobody's bytes are written over: a look at every sink finds that out, and
 * it can only get better. */
static uint32_t ring_safe;
static struct sink sinks[MAX_SINKS];
static uint32_t nr_sinks;
static uint32_t dropped;

static uint32_t line_owner = LINE_OF_MONITOR;
static bool line_open;

static struct ticket_lock lock;
static uint32_t holder; /* the CPU that has it */
static bool background; /* console_start() was called */
static bool panicking;
static bool polling;
static bool poll_soon, rx_left, screen_left;
static bool burst; /* something was written since the last poll */
static struct timer poll_timer;
static uint64_t poll_interval_ns = POLL_NEVER_NS; /* as armed */

/* ---- the stream ---- */

/* An NMI may have interrupted who has the lock, and does not wait. All others do; who has
 * it then is another CPU, and will be done soon. */
bool console_enter(void)
{
    if (panicking)
        return true;
    if (!lock_try(&lock)) {
        if (this_cpu()->nmi_depth > 0)
            return false;
        hv_assert(holder != arch_cpu_index());
        lock_take(&lock);
    }
    holder = arch_cpu_index();
    return true;
}

static void drop_lock(void)
{
    if (panicking)
        return;
    holder = NOBODY;
    lock_drop(&lock);
}

/* What a sink has not taken in time is lost for it. */
static void drop_overwritten(void)
{
    ring_safe = ring_head + RING_BYTES;
    for (uint32_t i = 0; i < nr_sinks; i++) {
        uint32_t behind = ring_head - sinks[i].tail;

        if (behind > RING_BYTES) {
            dropped += behind - RING_BYTES;
            behind = RING_BYTES;
            sinks[i].tail = ring_head - RING_BYTES;
        }
        ring_safe = hv_min_u32(ring_safe - ring_head, RING_BYTES - behind) + ring_head;
    }
}

void console_put(const char *bytes, uint32_t n)
{
    uint32_t off = ring_head & (RING_BYTES - 1);
    uint32_t first = hv_min_u32(n, RING_BYTES - off);

    if (n > RING_BYTES / 2) { /* nobody writes that much at once */
        bytes += n - RING_BYTES / 2;
        dropped += n - RING_BYTES / 2;
        console_put(bytes, RING_BYTES / 2);
        return;
    }
    memcpy(ring + off, bytes, first);
    if (n != first)
        memcpy(ring, bytes + first, n - first);
    ring_wrapped = ring_wrapped || n >= RING_BYTES - off;
    ring_head += n;
    if ((int32_t)(ring_safe - ring_head) < 0)
        drop_overwritten();
}

void console_begin_line(void)
{
    if (line_open)
        console_put("\r\n", 2);
    line_open = false;
}

bool console_line_is_open(uint32_t owner)
{
    return line_open && line_owner == owner;
}

void console_set_line(uint32_t owner, bool open)
{
    line_owner = owner;
    line_open = open;
}

static bool is_ready(const struct sink *s)
{
    return s->ops->tx_ready == NULL || s->ops->tx_ready();
}

static bool wait_ready(struct sink *s)
{
    uint32_t spins = s->stuck ? 1 : WAIT_SPINS;

    for (uint32_t i = 0; i < spins; i++) {
        if (is_ready(s)) {
            s->stuck = false;
            return true;
        }
    }
    s->stuck = true;
    return false;
}

/* Moves at most max bytes to the hardware. */
static void push(struct sink *s, uint32_t max, bool wait)
{
    while (max > 0 && s->tail != ring_head) {
        uint32_t off = s->tail & (RING_BYTES - 1), n = 1;

        if (wait ? !wait_ready(s) : !is_ready(s))
            return;
        if (s->ops->tx_some)
            n = s->ops->tx_some((const uint8_t *)ring + off,
                                hv_min_u32(max, hv_min_u32(ring_head - s->tail,
                                                           RING_BYTES - off)));
        else
            s->ops->tx((uint8_t)ring[off]);
        s->tail += n;
        max -= n;
        s->idle_polls = 0;
        s->stuck = false;
    }
}

static void push_all(uint32_t max, bool wait)
{
    for (uint32_t i = 0; i < nr_sinks; i++) {
        if (sinks[i].ops->tx == NULL) {
            sinks[i].tail = ring_head;
            continue;
        }
        push(&sinks[i], max, wait);
        for (uint32_t n = 0; wait && sinks[i].ops->flush != NULL && n < MAX_PORTIONS; n++) {
            if (!sinks[i].ops->flush())
                break;
        }
    }
}

uint32_t console_guest_room(void)
{
    uint32_t room = GUEST_BACKLOG;

    for (uint32_t i = 0; i < nr_sinks; i++) {
        uint32_t behind = ring_head - sinks[i].tail;

        if (!sinks[i].stuck)
            room = hv_min_u32(room, GUEST_BACKLOG - hv_min_u32(behind, GUEST_BACKLOG));
    }
    return room;
}

bool console_has_guest_room(uint32_t n)
{
    if ((int32_t)(ring_safe - ring_head - n) >= (int32_t)(RING_BYTES - GUEST_BACKLOG))
        return true;
    drop_overwritten(); /* a new bound for the next time */
    return n <= console_guest_room();
}

static bool has_backlog(void)
{
    for (uint32_t i = 0; i < nr_sinks; i++) {
        if (sinks[i].tail != ring_head && !sinks[i].stuck)
            return true;
    }
    return false;
}

/* ---- the poll timer ---- */

static uint64_t wanted_interval(void)
{
    uint64_t wanted = POLL_NEVER_NS;

    if (rx_left || screen_left || has_backlog())
        return POLL_BACKLOG_NS;
    for (uint32_t i = 0; i < nr_sinks; i++) {
        const struct sink *s = &sinks[i];
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

    if (!background || panicking || wanted >= poll_interval_ns)
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

/* Screens are redrawn by the next poll: once for many lines. */
void console_leave(void)
{
    if (panicking) {
        push_all(RING_BYTES, true);
        return;
    }
    if (background) {
        /* The first of a burst goes out at once, the rest with the next poll. */
        if (!burst) {
            push_all(PUSH_BYTES, false);
            burst = poll_soon = true;
            arm_poll();
        }
    } else {
        push_all(RING_BYTES, true);
    }
    drop_lock();
}

/* ---- monitor output ---- */

bool console_monitor_write(const char *bytes, uint32_t n, bool at_line_start)
{
    uint32_t from = 0;

    if (!console_enter())
        return false;
    if (at_line_start)
        console_begin_line();
    for (uint32_t i = 0; i < n; i++) {
        if (bytes[i] != '\n')
            continue;
        console_put(bytes + from, i - from);
        console_put("\r\n", 2);
        from = i + 1;
    }
    console_put(bytes + from, n - from);
    if (n > 0)
        console_set_line(LINE_OF_MONITOR, bytes[n - 1] != '\n');
    console_leave();
    return true;
}

void console_emergency_write(const char *bytes, uint32_t n)
{
    if (console_monitor_write(bytes, n, true)) {
        console_flush();
        return;
    }
    /* The core is in an unknown state; a screen's terminal may be too. */
    for (uint32_t i = 0; i < nr_sinks; i++) {
        struct sink *s = &sinks[i];

        if (s->ops->tx == NULL || s->ops->flush != NULL)
            continue;
        for (uint32_t j = 0; j < n && wait_ready(s); j++)
            s->ops->tx((uint8_t)bytes[j]);
    }
}

static void wait_idle(const struct sink *s)
{
    if (s->stuck || s->ops->tx_idle == NULL)
        return;
    for (uint32_t i = 0; i < WAIT_SPINS && !s->ops->tx_idle(); i++)
        ;
}

void console_flush(void)
{
    if (!console_enter())
        return;
    push_all(RING_BYTES, true);
    for (uint32_t i = 0; i < nr_sinks; i++) {
        dropped += ring_head - sinks[i].tail;
        sinks[i].tail = ring_head;
        wait_idle(&sinks[i]);
    }
    drop_lock();
}

void console_panic_mode(void)
{
    line_open = line_open || lock_is_taken(&lock); /* who was interrupted has not said so yet */
    panicking = true;
    for (uint32_t i = 0; i < nr_sinks; i++) {
        uint32_t behind = ring_head - sinks[i].tail;

        if (behind > PANIC_BACKLOG) {
            dropped += behind - PANIC_BACKLOG;
            sinks[i].tail = ring_head - PANIC_BACKLOG;
        }
    }
}

void console_count_dropped(uint32_t bytes)
{
    dropped += bytes;
}

uint32_t console_dropped(void)
{
    return dropped;
}

/* ---- input, and everything that is done now and then ---- */

void console_scroll(int pages)
{
    for (uint32_t i = 0; i < nr_sinks; i++) {
        if (sinks[i].ops->scroll != NULL)
            sinks[i].ops->scroll(pages);
    }
}

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
    for (uint32_t i = 0; i < nr_sinks; i++) {
        if (sinks[i].ops->rx == NULL)
            continue;
        note_irq(&sinks[i]);
        rx_left = poll_input(&sinks[i]) || rx_left;
    }
    console_input_end();
}

/* Output, screens, and the timer for the next time. */
static void push_background(bool soon)
{
    if (!console_enter())
        return;
    push_all(PUSH_BYTES, false);
    screen_left = false;
    for (uint32_t i = 0; i < nr_sinks; i++) {
        struct sink *s = &sinks[i];

        if (s->ops->flush != NULL)
            screen_left = s->ops->flush() || screen_left;
        if (s->tail != ring_head && s->idle_polls++ >= STUCK_POLLS)
            s->stuck = true;
    }
    poll_soon = soon;
    burst = false;
    arm_poll();
    drop_lock();
}

/* Whoever is called from here may come to a preemption point, and so back here:
 * input is not taken out of order then. */
static void poll(bool may_run_commands)
{
    bool soon;

    if (panicking)
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
    for (uint32_t i = 0; i < RUN_PORTIONS && screen_left && !panicking; i++) {
        arch_preempt_point();
        push_background(poll_soon);
    }
}

static void console_interrupt(void)
{
    poll(false);
}

/* ---- set-up ---- */

void console_add(const struct console_ops *ops)
{
    struct sink *s = &sinks[nr_sinks];

    if (ops == NULL || nr_sinks == MAX_SINKS || !console_enter())
        return;
    *s = (struct sink){.ops = ops, .line = NO_LINE};
    s->tail = ring_wrapped ? ring_head - RING_BYTES : 0;
    if (ops->tx == NULL)
        s->tail = ring_head;
    nr_sinks++;
    drop_overwritten();
    console_leave();
}

static HV_INIT void add_with_line(const struct console_ops *ops, uint32_t line)
{
    uint32_t before = nr_sinks;

    console_add(ops);
    if (nr_sinks > before)
        sinks[before].line = line;
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
    for (uint32_t i = 0; i < nr_sinks; i++) {
        if (sinks[i].ops->tx != NULL)
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
    nr_sinks = 0;
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
    for (uint32_t i = 0; i < nr_sinks; i++) {
        struct sink *s = &sinks[i];

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
