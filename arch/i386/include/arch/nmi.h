/* SPDX-License-Identifier: MIT */
/* Non-maskable interrupts, machine checks and the watchdog that uses the
 * former to say where a CPU hangs. */
#pragma once

#include "arch/asm_entry.h"

struct trap_frame;

/* tf: what was interrupted if that was the monitor, NULL if it was a guest or
 * the switcher. Count, look why, return. NMIs stay blocked. */
void nmi_handle(const struct trap_frame *tf);

/* Logs the banks; panics if the CPU cannot go on (SDM 3B 15.10). */
void mce_handle(const struct trap_frame *tf);

/* The same for the switcher's own stubs. */
HV_ASMCALL void nmi_in_switcher(void);
HV_ASMCALL void mce_in_switcher(void);

/* Starts the watchdog of hv_options.watchdog_s on this CPU, or says in one line
 * that there is no source for it. After arch_time_init(). */
void watchdog_init(void);
