/* SPDX-License-Identifier: MIT */
/* Rejects bad combinations of hv/config.h at compile time, each with the
 * sentence that says how to mend it.  No code. */
#include "hv/config.h"

#include "hv/types.h"

_Static_assert(HV_CFG_MAX_CPUS >= 1 && HV_CFG_MAX_CPUS <= 32,
               "HV_CFG_MAX_CPUS: give 1 to 32, sets of CPUs are 32-bit masks");
_Static_assert(HV_CFG_INJECT == 0 || HV_CFG_INJECT == 1,
               "HV_CFG_INJECT: give 0 or 1");
_Static_assert(HV_CFG_RESERVE_SHIFT >= 2 && HV_CFG_RESERVE_SHIFT <= 8,
               "HV_CFG_RESERVE_SHIFT: give 2 (a quarter) to 8 (a 256th)");
