/* SPDX-License-Identifier: MIT */
/* The stream of the console core.  All output is bytes in a ring; every
 * real console has its own place in it and takes bytes at its own speed, so
 * that a slow or absent UART holds nobody up: what it cannot take in time is
 * dropped and counted.  Every wait is bounded. */
#include "hv/console.h"

#include "console_int.h"
#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/lock.h"
#include "hv/percpu.h"
#include "hv/string.h"

#define RING_BYTES HV_KIB(64) /* a power of two */

/* What a screen may need to be drawn in full. */
#define MAX_PORTIONS 100000u

/* A UART at 9600 baud takes 1 ms for a byte; one look at it takes about 1 us.
 * After one such wait in vain the console is not waited for again. */
#define WAIT_SPINS 100000u

/* After a panic no more than this of the backlog is still written. */
#define PANIC_BACKLOG HV_KIB(4)

/* The last part of the ring is for the monitor's own lines: a guest that floods
 * its console loses its own output and nobody else's. */
#define GUEST_BACKLOG (RING_BYTES / 4 * 3)

#define NOBODY 0xffffffffu

struct sink console_sinks[CONSOLE_MAX_SINKS];
uint32_t console_nr_sinks;

static char ring[RING_BYTES];
static uint32_t ring_head; /* bytes ever written; wraps at 4 GiB */
static bool ring_wrapped;
static uint32_t dropped;

static uint32_t line_owner = LINE_OF_MONITOR;
static bool line_open;

static struct ticket_lock lock;
static uint32_t holder; /* the CPU that has it */
static bool panicking;

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

void console_drop_lock(void)
{
    if (panicking)
        return;
    holder = NOBODY;
    lock_drop(&lock);
}

/* What a sink has not taken of all but the newest bytes is lost for it. */
static void keep_newest(uint32_t bytes)
{
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        struct sink *s = &console_sinks[i];

        if (console_backlog(s) > bytes) {
            dropped += console_backlog(s) - bytes;
            s->tail = ring_head - bytes;
        }
    }
}

uint32_t console_backlog(const struct sink *s)
{
    return ring_head - s->tail;
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
    keep_newest(RING_BYTES);
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

void console_push(uint32_t max, bool wait)
{
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        if (console_sinks[i].ops->tx == NULL) {
            console_sinks[i].tail = ring_head;
            continue;
        }
        push(&console_sinks[i], max, wait);
        for (uint32_t n = 0; wait && console_sinks[i].ops->flush != NULL && n < MAX_PORTIONS; n++) {
            if (!console_sinks[i].ops->flush())
                break;
        }
    }
}

uint32_t console_guest_room(void)
{
    uint32_t room = GUEST_BACKLOG;

    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        const struct sink *s = &console_sinks[i];

        if (!s->stuck)
            room = hv_min_u32(room, GUEST_BACKLOG -
                                        hv_min_u32(console_backlog(s), GUEST_BACKLOG));
    }
    return room;
}

void console_leave(void)
{
    if (panicking || !console_in_background())
        console_push(RING_BYTES, true);
    else
        console_push_soon();
    console_drop_lock();
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
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        struct sink *s = &console_sinks[i];

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
    console_push(RING_BYTES, true);
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        dropped += ring_head - console_sinks[i].tail;
        console_sinks[i].tail = ring_head;
        wait_idle(&console_sinks[i]);
    }
    console_drop_lock();
}

void console_panic_mode(void)
{
    line_open = line_open || lock_is_taken(&lock); /* who was interrupted has not said so yet */
    panicking = true;
    keep_newest(PANIC_BACKLOG);
}

bool console_is_panicking(void)
{
    return panicking;
}

void console_count_dropped(uint32_t bytes)
{
    dropped += bytes;
}

uint32_t console_dropped(void)
{
    return dropped;
}

void console_scroll(int pages)
{
    for (uint32_t i = 0; i < console_nr_sinks; i++) {
        if (console_sinks[i].ops->scroll != NULL)
            console_sinks[i].ops->scroll(pages);
    }
}

void console_add(const struct console_ops *ops)
{
    struct sink *s = &console_sinks[console_nr_sinks];

    if (ops == NULL || console_nr_sinks == CONSOLE_MAX_SINKS || !console_enter())
        return;
    *s = (struct sink){.ops = ops, .line = NO_LINE};
    s->tail = ring_wrapped ? ring_head - RING_BYTES : 0;
    if (ops->tx == NULL)
        s->tail = ring_head;
    console_nr_sinks++;
    keep_newest(RING_BYTES);
    console_leave();
}
