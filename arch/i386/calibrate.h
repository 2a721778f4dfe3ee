/* SPDX-License-Identifier: MIT */
/* Measuring the clocks against each other at boot.  Private to arch/i386/. */
#pragma once

#include "hv/types.h"

struct calibration {
    uint32_t tsc_khz;     /* 0: nothing to measure it against */
    bool intervals_agree; /* within 0.1 % */
    bool pit_counts;
    uint32_t lapic_hz; /* of the timer's counter; 0: does not count */
};

/* Interrupts off; the PIT's counter must have been started. */
void calibrate_clocks(struct calibration *c);

/* Does the PIT's, does the LAPIC's timer interrupt arrive while the CPU runs? */
bool calibrate_pit_arrives(const struct calibration *c);
bool calibrate_lapic_arrives(const struct calibration *c);

/* Both timers arrive. Does the LAPIC's end a HLT? And does the TSC go on
 * meanwhile, at the same speed? */
bool calibrate_lapic_wakes(const struct calibration *c);
bool calibrate_tsc_runs_in_halt(const struct calibration *c);
