/* SPDX-License-Identifier: MIT */
/* Memory and string routines.  The mem* ones work in words: pages are zeroed and
 * copied often. Compiled so that the compiler does not turn their loops into calls
 * of themselves. */
#include "hv/string.h"

/* Words that may alias anything, at any address: i386 does not mind. */
typedef uint32_t __attribute__((may_alias, aligned(1))) word_t;

#define WORD_ALIGNED(p) (((uintptr_t)(p) & 3u) == 0)

void *memcpy(void *dst, const void *src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src, *end;

    for (end = s + (n & ~(size_t)15); s != end; d += 16, s += 16) {
        word_t *dw = (word_t *)(void *)d;
        const word_t *sw = (const word_t *)(const void *)s;

        dw[0] = sw[0];
        dw[1] = sw[1];
        dw[2] = sw[2];
        dw[3] = sw[3];
    }
    for (end = s + (n & 12); s != end; d += 4, s += 4)
        *(word_t *)(void *)d = *(const word_t *)(const void *)s;
    for (end = s + (n & 3); s != end;)
        *d++ = *s++;
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;

    if ((uintptr_t)d - (uintptr_t)s >= n)
        return memcpy(dst, src, n); /* forwards is safe */
    while (n-- > 0)
        d[n] = s[n];
    return dst;
}

HV_INLINE void set_8_words(uint8_t *d, uint32_t w)
{
    word_t *dw = (word_t *)(void *)d;

    dw[0] = w;
    dw[1] = w;
    dw[2] = w;
    dw[3] = w;
    dw[4] = w;
    dw[5] = w;
    dw[6] = w;
    dw[7] = w;
}

void *memset(void *dst, int c, size_t n)
{
    uint8_t *d = dst;
    uint32_t w = (uint32_t)(c & 0xff) * 0x01010101u;

    if (n >= 32) {
        for (; !WORD_ALIGNED(d); n--)
            *d++ = (uint8_t)w;
        for (; n >= 64; n -= 64, d += 64) {
            set_8_words(d, w);
            set_8_words(d + 32, w);
        }
        for (; n >= 32; n -= 32, d += 32)
            set_8_words(d, w);
    }
    while (n-- > 0)
        *d++ = (uint8_t)w;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n >= 4; n -= 4, x += 4, y += 4) {
        if (*(const word_t *)(const void *)x != *(const word_t *)(const void *)y)
            break;
    }
    for (; n > 0; n--, x++, y++) {
        if (*x != *y)
            return *x < *y ? -1 : 1;
    }
    return 0;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n] != '\0')
        n++;
    return n;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n > 0; n--, a++, b++) {
        if (*a != *b)
            return (int)(uint8_t)*a - (int)(uint8_t)*b;
        if (*a == '\0')
            break;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

bool str_copy(char *dst, const char *src, size_t size)
{
    size_t n = strnlen(src, size), kept = n < size ? n : size - 1;

    if (size == 0)
        return false;
    memcpy(dst, src, kept);
    dst[kept] = '\0';
    return n < size;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* 16: not a digit */
static uint32_t digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (uint32_t)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (uint32_t)(c - 'A') + 10;
    return 16;
}

bool str_to_u64(const char *s, size_t len, uint64_t max, uint64_t *out)
{
    uint32_t base = 10;
    uint64_t v = 0;

    if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
        len -= 2;
    }
    if (len == 0)
        return false;
    for (; len > 0; len--, s++) {
        uint32_t d = digit_value(*s);

        if (d >= base || v > div64(UINT64_MAX - d, base, NULL))
            return false;
        v = v * base + d;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}
