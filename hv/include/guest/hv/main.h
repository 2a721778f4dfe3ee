/* SPDX-License-Identifier: MIT */
/* The monitor's top level. boot/ adds the guests that are configured when the
 * machine is up, then calls hv_run(), which never returns. */
#pragma once

#include "hv/guest_config.h"

/* Adds a guest to start (boot/modules.c calls it once per configured guest;
 * up to GUEST_MAX). The struct is copied. */
int hv_add_guest(const struct guest_config *c) HV_MUST_CHECK;

/* The ith of them, NULL behind the last. */
const struct guest_config *hv_configured(uint32_t i);

/* Starts what is configured (or the demo, or the suite) and runs for good. */
HV_NORETURN void hv_run(void);
