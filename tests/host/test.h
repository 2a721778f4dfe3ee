/* SPDX-License-Identifier: MIT */
/* Unit tests on the build machine.  A file tests/host/test_NAME.c is one
 * program, linked with the fakes of fake-arch/ and else the monitor itself; the
 * line " * real: pmm" in its opening comment names fakes it does without.
 * Each TEST runs in a process of its own, so it finds all globals as the loader
 * left them, and a crash costs that test alone.
 *
 *     TEST(range_fits_at_the_edge) { EXPECT(range_fits(4, 4, 8)); }
 */
#pragma once

#include "hv/types.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
    const char *name, *file;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *t);

/* Prints "file:line: text" and marks the running test as failed. */
void test_fail(const char *file, int line, const char *fmt, ...) HV_PRINTF(3, 4);
void test_check_eq(const char *file, int line, const char *a_text,
                   const char *b_text, unsigned long long a,
                   unsigned long long b);
void test_check_str(const char *file, int line, const char *a_text,
                    const char *a, const char *b);
HV_NORETURN void test_abort(void);

/* The test is not for this build (word size, compiler): counts as passed. */
HV_NORETURN void test_skip(const char *why);

#define TEST(n) \
    static void test_##n(void); \
    __attribute__((constructor)) static void test_register_##n(void) \
    { \
        static struct test_case t = {#n, __FILE__, test_##n, NULL}; \
        test_register(&t); \
    } \
    static void test_##n(void)

#define EXPECT(e) \
    do { \
        if (!(e)) \
            test_fail(__FILE__, __LINE__, "%s", #e); \
    } while (0)

/* Both sides as unsigned 64-bit numbers, shown in hexadecimal. */
#define EXPECT_EQ(a, b) \
    test_check_eq(__FILE__, __LINE__, #a, #b, (unsigned long long)(a), \
                  (unsigned long long)(b))

#define EXPECT_STR(a, b) test_check_str(__FILE__, __LINE__, #a, a, b)

/* What the rest of the test cannot do without. */
#define REQUIRE(e) \
    do { \
        if (!(e)) { \
            test_fail(__FILE__, __LINE__, "%s", #e); \
            test_abort(); \
        } \
    } while (0)

/* The statement must end in hv_panic() or a failed hv_assert(). */
extern jmp_buf test_panic_jump;
extern bool test_panic_wanted;

#define EXPECT_PANIC(stmt) \
    do { \
        test_panic_wanted = true; \
        if (setjmp(test_panic_jump) == 0) { \
            stmt; \
            test_fail(__FILE__, __LINE__, "no panic: %s", #stmt); \
        } \
        test_panic_wanted = false; \
    } while (0)

/* Numbers for model tests: the same in every run; print the seed on failure. */
struct test_rng {
    uint64_t state;
};
uint32_t test_random(struct test_rng *r);
/* In [0, n). */
uint32_t test_random_below(struct test_rng *r, uint32_t n);
