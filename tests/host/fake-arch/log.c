/* SPDX-License-Identifier: MIT */
/* hv/log.h into a buffer that tests can search.  Lines are formatted by the
 * host's printf: the format attribute has checked them. */
#include "fake.h"

#include "hv/log.h"

#include <stdio.h>
#include <string.h>

#define KEPT 64
#define LINE_BYTES 256

uint32_t fake_log_lines;

static char lines[KEPT][LINE_BYTES];
static uint32_t errors;

void log_vline(enum log_level level, const char *fmt, va_list ap)
{
    (void)level;
    (void)vsnprintf(lines[fake_log_lines++ % KEPT], LINE_BYTES, fmt, ap);
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
    log_vline(LOG_INFO, fmt, ap);
    va_end(ap);
}

void log_raw(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_vline(LOG_INFO, fmt, ap);
    va_end(ap);
}

void log_config_error(const char *fmt, ...)
{
    va_list ap;

    errors++;
    va_start(ap, fmt);
    log_vline(LOG_ERROR, fmt, ap);
    va_end(ap);
}

uint32_t log_config_errors(void)
{
    return errors;
}

void log_set_level(enum log_level level)
{
    (void)level;
}

bool log_limit_ok(struct log_limit *l, uint32_t burst)
{
    return l->tokens++ < burst;
}

static uint32_t kept(void)
{
    return fake_log_lines < KEPT ? fake_log_lines : KEPT;
}

bool fake_log_has(const char *text)
{
    for (uint32_t i = 0; i < kept(); i++) {
        if (strstr(lines[i], text))
            return true;
    }
    return false;
}

const char *fake_log_last(void)
{
    return fake_log_lines ? lines[(fake_log_lines - 1) % KEPT] : "";
}

void fake_log_clear(void)
{
    fake_log_lines = 0;
    errors = 0;
    memset(lines, 0, sizeof(lines));
}

void fake_log_show(void)
{
    for (uint32_t i = 0; i < kept(); i++)
        printf("log: %s\n", lines[i]);
}
