/* SPDX-License-Identifier: MIT */
/* hv/lib and hv/range.h against the C library and against plain arithmetic.
 * string.c is compiled with its C names changed to hv_* (files.mk), so that both
 * are here. */
#include "test.h"

#include "hv/list.h"
#include "hv/range.h"
#include "hv/string.h"
#include "hv/swar.h"

#include <limits.h>

void *hv_memcpy(void *dst, const void *src, size_t n);
void *hv_memmove(void *dst, const void *src, size_t n);
void *hv_memset(void *dst, int c, size_t n);
int hv_memcmp(const void *a, const void *b, size_t n);
size_t hv_strlen(const char *s);
size_t hv_strnlen(const char *s, size_t max);
int hv_strcmp(const char *a, const char *b);
int hv_strncmp(const char *a, const char *b, size_t n);

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

/* ---- memory ---- */

TEST(memcpy_and_memset_at_every_offset)
{
    uint8_t src[160], a[160], b[160];

    for (uint32_t i = 0; i < sizeof(src); i++)
        src[i] = (uint8_t)(i * 11 + 1);
    for (uint32_t d = 0; d < 8; d++) {
        for (uint32_t s = 0; s < 8; s++) {
            for (uint32_t n = 0; n < 140; n++) {
                memset(a, 0xee, sizeof(a));
                memset(b, 0xee, sizeof(b));
                memcpy(a + d, src + s, n);
                REQUIRE(hv_memcpy(b + d, src + s, n) == b + d);
                REQUIRE(memcmp(a, b, sizeof(a)) == 0);
            }
        }
        for (uint32_t n = 0; n < 140; n++) {
            memset(a, 0xee, sizeof(a));
            memset(b, 0xee, sizeof(b));
            memset(a + d, 0x1a5, n);
            REQUIRE(hv_memset(b + d, 0x1a5, n) == b + d);
            REQUIRE(memcmp(a, b, sizeof(a)) == 0);
        }
    }
}

/* Every byte beside every other, in every place. */
TEST(swar_against_each_byte)
{
    for (uint32_t a = 0; a < 256; a++) {
        for (uint32_t b = 0; b < 256; b++) {
            for (uint32_t shift = 0; shift < 32; shift += 8) {
                uint32_t low = b << 24 | (uint32_t)'x' << 16 | (uint32_t)'y' << 8 | a;
                uint32_t w = shift ? low << shift | low >> (32 - shift) : low;
                bool plain = a >= 0x20 && a <= 0x7e && b >= 0x20 && b <= 0x7e;

                REQUIRE(swar_has_nul(w) == (a == 0 || b == 0));
                REQUIRE(swar_is_plain(w) == plain);
            }
        }
    }
}

TEST(memmove_with_every_overlap)
{
    uint8_t a[100], b[100];

    for (uint32_t d = 0; d < 40; d++) {
        for (uint32_t s = 0; s < 40; s++) {
            for (uint32_t n = 0; n < 60; n++) {
                for (uint32_t i = 0; i < sizeof(a); i++)
                    a[i] = b[i] = (uint8_t)(i * 3);
                memmove(a + d, a + s, n);
                REQUIRE(hv_memmove(b + d, b + s, n) == b + d);
                REQUIRE(memcmp(a, b, sizeof(a)) == 0);
            }
        }
    }
}

TEST(memcmp_finds_the_first_difference)
{
    uint8_t a[64], b[64];

    for (uint32_t off = 0; off < 5; off++) {
        for (uint32_t n = 0; n < 50; n++) {
            memset(a, 0x80, sizeof(a));
            memset(b, 0x80, sizeof(b));
            REQUIRE(hv_memcmp(a + off, b + off, n) == 0);
            for (uint32_t k = 0; k < n; k++) {
                b[off + k] = 0x7f;
                REQUIRE(hv_memcmp(a + off, b + off, n) > 0);
                REQUIRE(hv_memcmp(b + off, a + off, n) < 0);
                if (k + 1 < n)
                    b[off + n - 1] = 0xff; /* a later one does not count */
                REQUIRE(hv_memcmp(a + off, b + off, n) > 0);
                b[off + n - 1] = 0x80;
                b[off + k] = 0x80;
            }
        }
    }
}

/* ---- strings ---- */

TEST(string_functions_like_the_c_library)
{
    static const char *const s[] = {
        "", "a", "b", "ab", "abc", "abd", "a\x80", "a\xff", "\xff", "abcabc", "A",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(s); i++) {
        EXPECT_EQ(hv_strlen(s[i]), strlen(s[i]));
        for (uint32_t n = 0; n < 8; n++)
            EXPECT_EQ(hv_strnlen(s[i], n), strnlen(s[i], n));
        for (uint32_t k = 0; k < HV_ARRAY_SIZE(s); k++) {
            EXPECT_EQ(sign(hv_strcmp(s[i], s[k])), sign(strcmp(s[i], s[k])));
            for (uint32_t n = 0; n < 8; n++)
                EXPECT_EQ(sign(hv_strncmp(s[i], s[k], n)),
                          sign(strncmp(s[i], s[k], n)));
            EXPECT_EQ(str_starts(s[i], s[k]),
                      strncmp(s[i], s[k], strlen(s[k])) == 0);
        }
    }
}

TEST(str_copy_never_overruns)
{
    for (size_t size = 0; size < 8; size++) {
        char *exact = malloc(size ? size : 1);

        EXPECT_EQ(str_copy(exact, "abcd", size), size >= 5);
        if (size) {
            EXPECT_EQ(strlen(exact), size >= 5 ? 4 : size - 1);
            EXPECT_EQ(strncmp(exact, "abcd", strlen(exact)), 0);
        }
        free(exact);
    }
}

static bool number(const char *s, uint64_t max, uint64_t *v)
{
    size_t n = strlen(s);
    char *exact = malloc(n ? n : 1); /* no NUL behind it */
    bool ok;

    memcpy(exact, s, n);
    *v = 0x5555;
    ok = str_to_u64(exact, n, max, v);
    free(exact);
    return ok;
}

TEST(str_to_u64_whole_strings_only)
{
    static const char *const bad[] = {
        "", " 1", "1 ", "-1", "+1", "0x", "x1", "1x", "0xg", "12a", "0x1 ", "1.0",
        "18446744073709551616", "18446744073709551620", "99999999999999999999",
        "0x10000000000000000", "0xfffffffffffffffff", "100000000000000000000000",
    };
    uint64_t v;

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        EXPECT(!number(bad[i], UINT64_MAX, &v));
        EXPECT_EQ(v, 0x5555);
    }
    EXPECT(number("0", 0, &v) && v == 0);
    EXPECT(number("007", 10, &v) && v == 7);
    EXPECT(number("0xAbCdef", UINT64_MAX, &v) && v == 0xabcdef);
    EXPECT(number("0X10", UINT64_MAX, &v) && v == 16);
    EXPECT(number("18446744073709551615", UINT64_MAX, &v) && v == UINT64_MAX);
    EXPECT(number("0xffffffffffffffff", UINT64_MAX, &v) && v == UINT64_MAX);
    EXPECT(number("255", 255, &v) && v == 255);
    EXPECT(!number("256", 255, &v));
}

/* ---- formatted text ---- */

static void same_text(const char *fmt, const char *want, int want_len,
                      const char *got, int got_len)
{
    if (want_len != got_len || strcmp(want, got) != 0) {
        test_fail(__FILE__, __LINE__, "%s: \"%s\" (%d), wanted \"%s\" (%d)", fmt,
                  got, got_len, want, want_len);
        test_abort();
    }
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-truncation"

#define BOTH(fmt, ...) \
    do { \
        char a_[300], b_[300]; \
        int n_ = snprintf(a_, size, fmt, __VA_ARGS__); \
        int m_ = hv_snprintf(b_, size, fmt, __VA_ARGS__); \
        same_text(fmt, a_, n_, b_, m_); \
    } while (0)

static uint64_t interesting(struct test_rng *r)
{
    static const uint64_t values[] = {
        0, 1, 9, 10, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000ull,
        INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX, 1000000007,
    };
    uint32_t pick = test_random_below(r, 16);

    if (pick < HV_ARRAY_SIZE(values))
        return values[pick];
    return ((uint64_t)test_random(r) << 32 | test_random(r)) >>
           test_random_below(r, 64);
}

TEST(numbers_like_the_c_library)
{
    static const char conv[] = "dux";
    struct test_rng r = {3};

    for (uint32_t round = 0; round < 100000; round++) {
        char fmt[32] = "<%";
        uint64_t v = interesting(&r);
        bool is_long = test_random_below(&r, 2);
        char c = conv[test_random_below(&r, 3)];
        size_t size = test_random_below(&r, 4) ? 300 : 1 + test_random_below(&r, 12);

        if (test_random_below(&r, 3) == 0)
            strcat(fmt, "-");
        else if (test_random_below(&r, 2))
            strcat(fmt, "0");
        if (test_random_below(&r, 4) == 0 && c == 'x')
            strcat(fmt, "#");
        if (test_random_below(&r, 2))
            sprintf(fmt + strlen(fmt), "%u", 1 + test_random_below(&r, 30));
        sprintf(fmt + strlen(fmt), "%s%c>", is_long ? "ll" : "", c);
        if (is_long)
            BOTH(fmt, (unsigned long long)v);
        else
            BOTH(fmt, (unsigned)v);
    }
}

TEST(strings_and_characters_like_the_c_library)
{
    static const char *const fmts[] = {
        "%s", "%5s", "%-5s|", "%.2s", "%5.1s", "%-7.3s|", "%.0s", "x%sy",
    };
    static const char *const texts[] = {"", "a", "abcdef", "hello, world"};

    for (size_t size = 1; size < 20; size++) {
        for (uint32_t f = 0; f < HV_ARRAY_SIZE(fmts); f++) {
            for (uint32_t t = 0; t < HV_ARRAY_SIZE(texts); t++)
                BOTH(fmts[f], texts[t]);
        }
        BOTH("%c%3c%-3c|", 'a', 'b', 'c');
        BOTH("100%% %u%%", 7u);
        BOTH("%s%d%x", "ab", -12, 0xbeefu);
        BOTH("%08x %4d|%-4d|", 0xabcu, 5, 6);
    }
}

/* A precision protects against a missing NUL. */
TEST(string_precision_reads_no_further)
{
    char *exact = malloc(4), out[16];

    memcpy(exact, "abcd", 4);
    EXPECT_EQ(hv_snprintf(out, sizeof(out), "%.4s", exact), 4);
    EXPECT_STR(out, "abcd");
    free(exact);
}

TEST(text_never_overruns)
{
    for (size_t size = 0; size < 12; size++) {
        char *exact = malloc(size ? size : 1);

        exact[0] = 'x';
        EXPECT_EQ(hv_snprintf(exact, size, "%s-%d", "abcd", 12345), 10);
        if (size)
            EXPECT_EQ(strlen(exact), size > 10 ? 10 : size - 1);
        else
            EXPECT_EQ(exact[0], 'x');
        free(exact);
    }
    char out[8];
    const char *broken = "ab%";

    EXPECT_EQ(hv_snprintf(out, sizeof(out), broken, 0), 2);
    EXPECT_STR(out, "ab");
    const char *volatile none = NULL;

    EXPECT_EQ(hv_snprintf(out, sizeof(out), "%s", none), 6);
}

/* ---- arithmetic ---- */

TEST(div64_like_the_compiler)
{
    struct test_rng r = {5};

    for (uint32_t i = 0; i < 200000; i++) {
        uint64_t n = interesting(&r);
        uint32_t d = (uint32_t)interesting(&r), rem = 0;

        if (d == 0)
            d = 1;
        REQUIRE(div64(n, d, &rem) == n / d);
        REQUIRE(rem == n % d);
        REQUIRE(div64(n, d, NULL) == n / d);
    }
}

/* Long multiplication and division bit by bit, as a reference of any width. */
static uint64_t slow_muldiv(uint64_t n, uint32_t mul, uint32_t div, bool *fits)
{
    uint64_t lo = (n & 0xffffffff) * mul, hi = (n >> 32) * mul;
    uint32_t p[3];
    uint64_t q = 0, rem = 0;

    p[0] = (uint32_t)lo;
    hi += lo >> 32;
    p[1] = (uint32_t)hi;
    p[2] = (uint32_t)(hi >> 32);
    *fits = true;
    for (int bit = 95; bit >= 0; bit--) {
        rem = rem << 1 | (p[bit / 32] >> (bit % 32) & 1);
        if (q >> 63)
            *fits = false;
        q <<= 1;
        if (rem >= div) {
            rem -= div;
            q |= 1;
        }
    }
    return q;
}

TEST(muldiv64_has_96_bits_in_between)
{
    struct test_rng r = {6};

    for (uint32_t i = 0; i < 50000; i++) {
        uint64_t n = interesting(&r), want;
        uint32_t mul = (uint32_t)interesting(&r), div = (uint32_t)interesting(&r);
        bool fits;

        if (div == 0)
            div = 1;
        want = slow_muldiv(n, mul, div, &fits);
        if (fits)
            REQUIRE(muldiv64(n, mul, div) == want);
    }
    EXPECT_EQ(muldiv64(1000000000ull * 3600, 2400000, 1000000), 8640000000000ull);
}

TEST(crc32_known_values_and_pieces)
{
    static const char text[] = "123456789";

    EXPECT_EQ(hv_crc32(0, "", 0), 0);
    EXPECT_EQ(hv_crc32(0, text, 9), 0xcbf43926);
    EXPECT_EQ(hv_crc32(0, "a", 1), 0xe8b7be43);
    for (uint32_t k = 0; k <= 9; k++)
        EXPECT_EQ(hv_crc32(hv_crc32(0, text, k), text + k, 9 - k), 0xcbf43926);
}

/* ---- range.h ---- */

TEST(range_fits_against_wide_arithmetic)
{
    static const uint32_t edge[] = {
        0, 1, 2, 0xfff, 0x1000, 0x1001, 0x7fffffff, 0x80000000, 0xfffffffe,
        0xffffffff,
    };

    for (uint32_t a = 0; a < 10; a++) {
        for (uint32_t b = 0; b < 10; b++) {
            for (uint32_t c = 0; c < 10; c++) {
                uint64_t end = (uint64_t)edge[a] + edge[b];

                EXPECT_EQ(range_fits(edge[a], edge[b], edge[c]), end <= edge[c]);
                EXPECT_EQ(range_fits64(edge[a], edge[b], edge[c]),
                          end <= edge[c]);
            }
        }
    }
    EXPECT(!range_fits64(0xffffffffffffffffull, 2, 0xffffffffffffffffull));
    EXPECT(!range_fits64(2, 0xffffffffffffffffull, 0xffffffffffffffffull));
    EXPECT(range_fits64(0, 0xffffffffffffffffull, 0xffffffffffffffffull));
    EXPECT(!range_fits(0xffc, UINT32_MAX - 0xffb, 0x1000)); /* sum is 2^32 */
}

TEST(range_overlaps_against_a_model)
{
    for (uint32_t a = 0; a < 6; a++) {
        for (uint32_t al = 0; al < 5; al++) {
            for (uint32_t b = 0; b < 6; b++) {
                for (uint32_t bl = 0; bl < 5; bl++) {
                    uint32_t ma = ((1u << al) - 1) << a;
                    uint32_t mb = ((1u << bl) - 1) << b;

                    EXPECT_EQ(range_overlaps64(a, al, b, bl), (ma & mb) != 0);
                    /* The same at the top, where ends wrap to 0. */
                    EXPECT_EQ(range_overlaps64(a - 9ull, al, b - 9ull, bl),
                              (ma & mb) != 0);
                }
            }
        }
    }
}

/* ---- list.h ---- */

TEST(lists)
{
    struct list head, n[4], *h = &head;
    uint32_t count = 0;

    list_init(&head);
    EXPECT(list_is_empty(&head));
    list_add_tail(&head, &n[1]);
    list_add_tail(&head, &n[2]);
    list_insert_before(&n[1], &n[0]);
    list_insert_before(&n[2], &n[3]);
    EXPECT(head.next == &n[0] && n[0].next == &n[1] && n[1].next == &n[3] &&
           n[3].next == &n[2] && n[2].next == &head && head.prev == &n[2]);
    list_remove(&n[3]);
    list_remove(&n[3]);
    list_for_each_safe(p, next, h) {
        list_remove(p);
        count++;
    }
    EXPECT_EQ(count, 3);
    EXPECT(list_is_empty(&head));
}
