/* SPDX-License-Identifier: MIT */
/* Measuring the CPU's clocks at boot against counters whose rate is known, and finding
 * out what interrupts.  Private to arch/i386/. */
#pragma once

#include "hv/driver.h"

#define CALIBRATE_MAX_REFS 3u

struct calibration {
    uint32_t tsc_khz;            /* 0: nothing tells */
    bool intervals_agree;        /* within 0.1 % */
    bool contradicted;           /* a second counter says something else */
    const struct ref_clock *ref; /* what counts and was measured against; may be NULL */
    const char *by;              /* who told tsc_khz, for the log */
    uint32_t lapic_hz;           /* of the timer's counter; 0: does not count */
};

/* Interrupts off. refs are the n counters that the machine seems to have, the one that
 * is liked best first; any of them may stand still, or lie. */
void calibrate_clocks(struct calibration *c, const struct ref_clock *const *refs, uint32_t n);

/* A counter whose wraps are taken along, if it is read often enough. */
struct counter {
    const struct ref_clock *clock;
    uint32_t last;
    uint64_t total;
};

void counter_start(struct counter *r, const struct ref_clock *clock);
uint64_t counter_read(struct counter *r);

/* ---- irq0.c: what raises line 0, or stands in for it ---- */

/* Finds out whether the PIT's interrupt arrives while the CPU runs, else the HPET's if
 * hpet (may be NULL) counts. False if neither does. Line 0 is open. */
bool irq0_find(const struct calibration *c, const struct ref_clock *hpet);

/* The last resort: the real-time clock ticks 1024 times a second from now on, wanted or
 * not. False if it does not. */
bool irq0_take_rtc(const struct calibration *c);

const char *irq0_name(void); /* NULL: nothing was found */
void irq0_oneshot(uint32_t ns); /* it may come earlier if that is far away */
void irq0_stop(void);

/* Does the LAPIC's timer interrupt arrive? */
bool calibrate_lapic_arrives(const struct calibration *c);

/* Both interrupts arrive. Does the LAPIC's end a HLT? And does the TSC go on
 * meanwhile, at the same speed? */
bool calibrate_lapic_wakes(const struct calibration *c);
bool calibrate_tsc_runs_in_halt(const struct calibration *c);
