/* SPDX-License-Identifier: MIT */
/* The monitor's log: a ring in memory and, by level, the console.  Every line
 * on the console starts with "(RS) " and always on a line of its own. */
#pragma once

#include "hv/types.h"

#include <stdarg.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One line without the newline; cut at 255 bytes.  Usable from the first line
 * of C on, with interrupts in any state, also from an NMI (then it only goes
 * into the ring). */
void log_line(enum log_level level, const char *fmt, ...) HV_PRINTF(2, 3);
void log_vline(enum log_level level, const char *fmt, va_list ap);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* Lines that docs/usage.md fixes ("(RS) guest NAME: ended ..."), KTAP lines, shell
 * output: on the console whatever loglvl= says.  log_raw adds no prefix. */
void log_always(const char *fmt, ...) HV_PRINTF(1, 2);
void log_raw(const char *fmt, ...) HV_PRINTF(1, 2);

void log_set_level(enum log_level level);

/* From an NMI when the monitor may be stuck anywhere: takes no lock and waits
 * for nothing but the hardware, boundedly. Also into the ring. */
void log_emergency(const char *fmt, ...) HV_PRINTF(1, 2);

/* Shows the lines that came while the console could not take them (NMI). */
void log_show_deferred(void);

/* Counts a refused or unknown word of any configuration: `exit=debug-exit`
 * reports failure when the count is not zero. Prints the line as an error. */
void log_config_error(const char *fmt, ...) HV_PRINTF(1, 2);
uint32_t log_config_errors(void);

/* Prints the newest max_lines lines of the ring (shell command `log`). A
 * preemption point. */
void log_dump(uint32_t max_lines);

/* A rate limit for messages that a guest can cause: at most burst lines, one
 * more each second. Returns false when the line must be dropped (and counts). */
struct log_limit {
    uint64_t last_ns;
    uint32_t tokens;
    uint32_t dropped;
};
bool log_limit_ok(struct log_limit *l, uint32_t burst);
