/* SPDX-License-Identifier: MIT */
/* What the encoder takes from the C library; the guest library has the rest. */
#pragma once

#include <stddef.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
size_t strlen(const char *s);

static inline char *strchr(const char *s, int c)
{
    for (; *s != (char)c; s++) {
        if (!*s)
            return 0;
    }
    return (char *)(unsigned long)s;
}
