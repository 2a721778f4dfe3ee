/* SPDX-License-Identifier: MIT */
/* A panic ends the test, or goes back to the EXPECT_PANIC that waits for it. */
#include "test.h"

#include "hv/assert.h"
#include "hv/panic.h"

#include <stdarg.h>

void hv_panic(const char *fmt, ...)
{
    va_list ap;

    if (test_panic_wanted)
        longjmp(test_panic_jump, 1);
    printf("panic: ");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    test_abort();
}

void hv_assert_failed(const char *expr, const char *file, int line)
{
    hv_panic("%s:%d: %s", file, line, expr);
}
