/* SPDX-License-Identifier: MIT */
/* The monitor's log.  Every line goes into a ring of text first: space is
 * reserved by one atomic addition, so an NMI that logs in the middle of another
 * line's copy gets its own space behind it.  Then, by level, it goes to the
 * console, unless that is in the middle of an update itself. */
#include "hv/log.h"

#include "hv/arch_if.h"
#include "hv/console.h"
#include "hv/string.h"

#define LOG_RING_BYTES HV_KIB(64) /* a power of two */
#define LOG_LINE_BYTES 256u
#define LOG_PREFIX "(RS) "
#define NS_PER_SECOND 1000000000u

_Static_assert((LOG_RING_BYTES & (LOG_RING_BYTES - 1)) == 0, "used as a mask");

static char ring[LOG_RING_BYTES];
static uint32_t ring_head; /* bytes ever written; wraps at 4 GiB */
static bool ring_wrapped;  /* every byte of the ring has been written */
static enum log_level console_level = LOG_INFO;
static uint32_t config_errors;

/* What the console still has to show: [deferred_at, + deferred_bytes). */
static uint32_t deferred_at, deferred_bytes;

static void ring_copy_in(uint32_t at, const char *bytes, uint32_t n)
{
    uint32_t off = at & (LOG_RING_BYTES - 1);
    uint32_t first = hv_min_u32(n, LOG_RING_BYTES - off);

    memcpy(ring + off, bytes, first);
    memcpy(ring, bytes + first, n - first);
}

static uint32_t ring_put(const char *bytes, uint32_t n)
{
    uint32_t at = __atomic_fetch_add(&ring_head, n, __ATOMIC_RELAXED);

    if (at + n >= LOG_RING_BYTES)
        ring_wrapped = true;
    ring_copy_in(at, bytes, n);
    return at;
}

/* Shows part of the ring line by line. */
static void show_range(uint32_t at, uint32_t n)
{
    while (n > 0) {
        uint32_t off = at & (LOG_RING_BYTES - 1);
        uint32_t part = hv_min_u32(n, LOG_RING_BYTES - off);

        console_monitor_write(ring + off, part, false);
        at += part;
        n -= part;
    }
}

void log_show_deferred(void)
{
    uint32_t n = deferred_bytes;

    if (hv_likely(n == 0) || !console_monitor_write("", 0, true))
        return;
    show_range(deferred_at, n);
    deferred_bytes = 0;
}

/* The console is being updated by whom this NMI interrupted. Lines of one NMI lie
 * behind each other; of a second one that finds the first's not yet shown only
 * the ring keeps a copy. */
static void defer(uint32_t at, uint32_t n)
{
    if (deferred_bytes == 0)
        deferred_at = at;
    if (deferred_at + deferred_bytes == at)
        deferred_bytes += n;
}

/* line ends with a newline. */
static void emit(const char *line, uint32_t n, bool show)
{
    uint32_t at = ring_put(line, n);

    if (!show)
        return;
    log_show_deferred();
    if (!console_monitor_write(line, n, true))
        defer(at, n);
}

/* Formats prefix and text into line: one line, and nothing that a terminal would
 * obey, whatever the text holds. Returns its length with the newline. */
static uint32_t format_line(char *line, const char *prefix, const char *fmt,
                            va_list ap)
{
    uint32_t start = (uint32_t)strlen(prefix);
    uint32_t n;

    memcpy(line, prefix, start);
    (void)hv_vsnprintf(line + start, LOG_LINE_BYTES - start, fmt, ap);
    n = (uint32_t)strlen(line);
    if (n > start && line[n - 1] == '\n')
        n--;
    for (uint32_t i = 0; i < n; i++) {
        if (line[i] < ' ' || line[i] > '~')
            line[i] = '?';
    }
    line[n] = '\n';
    return n + 1;
}

static void log_text(const char *prefix, bool show, const char *fmt, va_list ap)
{
    char line[LOG_LINE_BYTES];

    emit(line, format_line(line, prefix, fmt, ap), show);
}

void log_vline(enum log_level level, const char *fmt, va_list ap)
{
    if (level <= console_level || level <= LOG_INFO)
        log_text(LOG_PREFIX, level <= console_level, fmt, ap);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_vline(level, fmt, ap);
    va_end(ap);
}

void log_always(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_text(LOG_PREFIX, true, fmt, ap);
    va_end(ap);
}

void log_raw(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_text("", true, fmt, ap);
    va_end(ap);
}

void log_emergency(const char *fmt, ...)
{
    char line[LOG_LINE_BYTES];
    uint32_t n;
    va_list ap;

    va_start(ap, fmt);
    n = format_line(line, LOG_PREFIX, fmt, ap);
    va_end(ap);
    (void)ring_put(line, n);
    console_emergency_write(line, n);
}

void log_set_level(enum log_level level)
{
    console_level = level > LOG_DEBUG ? LOG_DEBUG : level;
}

void log_config_error(const char *fmt, ...)
{
    va_list ap;

    config_errors++;
    va_start(ap, fmt);
    log_vline(LOG_ERROR, fmt, ap);
    va_end(ap);
}

uint32_t log_config_errors(void)
{
    return config_errors;
}

static bool ends_line(uint32_t at)
{
    return ring[at & (LOG_RING_BYTES - 1)] == '\n';
}

void log_dump(uint32_t max_lines)
{
    uint32_t end = ring_head;
    uint32_t oldest = ring_wrapped ? end - LOG_RING_BYTES : 0;
    uint32_t at = end;
    uint32_t newlines = 0;

    /* The oldest line of a full ring has lost its beginning. */
    while (ring_wrapped && oldest != end && !ends_line(oldest++))
        ;
    /* Back over max_lines lines, to behind the newline before them. */
    while (at != oldest) {
        if (ends_line(at - 1) && newlines++ == max_lines)
            break;
        at--;
    }
    console_monitor_write("", 0, true);
    while (at != end) {
        uint32_t n = hv_min_u32(end - at, LOG_LINE_BYTES);

        show_range(at, n);
        at += n;
        arch_preempt_point();
    }
}

bool log_limit_ok(struct log_limit *l, uint32_t burst)
{
    uint64_t now = arch_time_ns();

    if (l->last_ns == 0) { /* the first message ever */
        l->last_ns = now == 0 ? 1 : now;
        l->tokens = burst;
    }
    while (l->tokens < burst && now - l->last_ns >= NS_PER_SECOND) {
        l->tokens++;
        l->last_ns += NS_PER_SECOND;
    }
    if (l->tokens == burst)
        l->last_ns = now == 0 ? 1 : now;
    if (l->tokens == 0) {
        l->dropped++;
        return false;
    }
    l->tokens--;
    return true;
}
