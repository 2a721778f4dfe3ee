/* SPDX-License-Identifier: MIT */
/* Private to boot/leftovers.c and its host test: the parts of boot_stop_leftovers(). */
#pragma once

#include "hv/types.h"

/* Takes the right to write to memory from every device but bridges, screens and
 * USB controllers, with a line about each up to a limit. Returns their number. */
uint32_t boot_stop_masters(void);

/* From x2APIC to xAPIC mode; where the firmware has locked that, LINT0 is opened for
 * the 8259. After cpu_detect(); MSR accesses may fault. */
void boot_leave_x2apic(void);
