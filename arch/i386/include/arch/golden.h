/* SPDX-License-Identifier: MIT */
/* The CPU's state as the monitor set it up (ABI 11.1), read back: what no guest
 * may have changed (P3 in tests/guests/README.md). */
#pragma once

#include "hv/types.h"

/* The name of the first register that is not as it was set up, or NULL: CR0 (TS
 * aside), CR4, EFER, DR7, SYSENTER_CS, GDTR, IDTR, TR, LDTR, and IOPL, NT, DF and
 * VM of EFLAGS. In the host view, with interrupts off. */
const char *golden_difference(void);

/* The same after each exit, as an assertion of debug builds. */
#ifdef HV_DEBUG
void golden_assert(void);
#else
static inline void golden_assert(void)
{
}
#endif
