/* SPDX-License-Identifier: MIT */
/* What fake-arch/ wants from the frame of the unit tests, for fuzz targets: any
 * failure ends the program, so that the fuzzer keeps the input. */
#include "test.h"

#include <stdarg.h>

jmp_buf test_panic_jump;
bool test_panic_wanted;

/* A unit and the weak fake that it replaces both define their globals. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_odr_violation=0";
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
}

void test_abort(void)
{
    abort();
}
