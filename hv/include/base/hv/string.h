/* SPDX-License-Identifier: MIT */
/* Freestanding helpers; each has a host test.  mem* have the C names because
 * the compiler emits calls to them. */
#pragma once

#include "hv/types.h"

#include <stdarg.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/* Copies at most size - 1 bytes and always terminates. Returns false if cut. */
bool str_copy(char *dst, const char *src, size_t size);

/* True if s begins with prefix. */
bool str_starts(const char *s, const char *prefix);

/* Decimal or 0x-hexadecimal number that is the whole of [s, s + len).
 * Returns false on anything else or if the value exceeds max. */
bool str_to_u64(const char *s, size_t len, uint64_t max, uint64_t *out);

/* %d %u %x %c %s %% with ll, width, the precision of a string, 0, - and #.
 * Returns the length the whole text would have; always terminates. */
int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
int hv_snprintf(char *buf, size_t size, const char *fmt, ...) HV_PRINTF(3, 4);

/* 64-bit division without libgcc: n / d; *rem (may be NULL) gets n % d. */
uint64_t div64(uint64_t n, uint32_t d, uint32_t *rem);

/* n * mul / div with a 96-bit intermediate, for clock arithmetic. */
uint64_t muldiv64(uint64_t n, uint32_t mul, uint32_t div);

/* CRC-32 (IEEE 802.3), for checksums of memory. Start with crc = 0. */
uint32_t hv_crc32(uint32_t crc, const void *p, size_t n);
