/* SPDX-License-Identifier: MIT */
/* What of the monitor's is in use for somebody: a guest, say. It must be back at nothing
 * when he is gone, whatever others have meanwhile. */
#pragma once

#include "hv/types.h"

struct account {
    uint32_t frames; /* set aside or taken, in work for him (percpu.account) */
    uint32_t timers; /* armed ones that were made for him (timer.account) */
};
