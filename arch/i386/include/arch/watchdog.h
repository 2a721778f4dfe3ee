/* SPDX-License-Identifier: MIT */
/* The watchdog: an NMI that comes every so often and looks whether the monitor
 * has moved on (percpu.progress). */
#pragma once

#include "hv/types.h"

struct trap_frame;

/* Called first by every NMI. Returns true if this NMI was the watchdog's. */
bool watchdog_nmi(const struct trap_frame *tf);

/* No more NMIs from it: the CPU is about to halt for good. */
void watchdog_stop(void);
