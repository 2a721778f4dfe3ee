/* SPDX-License-Identifier: MIT */
/* Formatted output.  Before the console driver runs, text goes out by NOTIFY;
 * before LGUEST_INIT it goes nowhere. */
#pragma once

#include "guest/base.h"

#include <stdarg.h>

/* %d %u %x %X %s %c %% with width, 0 and -; %ll only with x and u below 2^32
 * divisions (hexadecimal is exact). Always terminates; returns the length that
 * was written. */
uint32_t guest_vsnprintf(char *buf, uint32_t bytes, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
uint32_t guest_snprintf(char *buf, uint32_t bytes, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void print_bytes(const char *s, uint32_t n);
