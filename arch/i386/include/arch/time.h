/* SPDX-License-Identifier: MIT */
/* Clock and timer of a CPU (the rest of the interface is in hv/arch_if.h). */
#pragma once

#include "hv/types.h"

/* Finds and measures clock and timer, reads the wall clock. Takes about 0.1 s.
 * After arch_irq_init() and timerq_init(), interrupts off. */
void arch_time_init(void);

/* The timer interrupt came: notes how late (P5: the time that interrupts were
 * off). Called by irq.c only. */
void time_note_interrupt(void);

/* False if ISA line 0 and channel 0 of the PIT are free (the LAPIC is the timer). */
bool arch_timer_uses_irq0(void);
