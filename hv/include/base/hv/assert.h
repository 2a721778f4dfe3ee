/* SPDX-License-Identifier: MIT */
/* Two tiers: hv_assert stays on in every build and is for what the monitor
 * itself must hold true; hv_assert_slow is for checks that cost, in debug
 * builds only.  Never on a value that a guest controls: that is a kill. */
#pragma once

#include "hv/types.h"

HV_NORETURN HV_COLD void hv_assert_failed(const char *expr, const char *file,
                                          int line);

#define hv_assert(e) \
    do { \
        if (hv_unlikely(!(e))) \
            hv_assert_failed(#e, __FILE__, __LINE__); \
    } while (0)

#ifdef HV_DEBUG
#define hv_assert_slow(e) hv_assert(e)
#else
#define hv_assert_slow(e) ((void)sizeof(!(e)))
#endif
