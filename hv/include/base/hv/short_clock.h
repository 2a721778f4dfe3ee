/* SPDX-License-Identifier: MIT */
/* A clock that is read in a few instructions and good for about a second: start it,
 * then ask how many ns have passed, less than 2^30; false: ask arch_time_ns(). */
#pragma once

#include "hv/types.h"

#ifdef HV_HOST_TEST
struct short_clock {
    uint64_t ns;
};
void short_clock_start(struct short_clock *c);
bool short_clock_ns(const struct short_clock *c, uint32_t *ns);
#else
#include "arch/time_inline.h"
#endif
