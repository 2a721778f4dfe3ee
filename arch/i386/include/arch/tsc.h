/* SPDX-License-Identifier: MIT */
/* The arithmetic and the judgement behind the clock: pure, so that it has a
 * host test.  Private to arch/i386/time.c. */
#pragma once

#include "hv/string.h"

/* ns = ticks * mult >> TSC_SHIFT. With 28 bits the multiplier fits 32 bits for
 * every CPU above 62.5 MHz and is exact for 1 GHz. */
#define TSC_SHIFT 28
#define TSC_KHZ_MIN 62501u
#define TSC_KHZ_GUESS 1000000u /* where nothing can be measured */

/* What speaks for and against the TSC as a clock. */
struct tsc_evidence {
    bool intervals_agree; /* calibrations agree within 0.1 % */
    bool runs_in_halt;    /* and during HLT with the same speed */
    bool invariant;       /* CPUID 0x80000007 EDX bit 8 */
    bool intel;
    uint8_t family, model;
    bool scales; /* the CPU can change its frequency (EST, PowerNow) */
};

/* Constant without the invariant bit are: Intel from Pentium 4 model 3 and
 * family 6 model 14 on (the TSC counts a fixed clock whatever the P-state), and
 * every CPU that cannot change its frequency. C states below C1 would stop the
 * TSC of some of them; the monitor idles by HLT alone. */
static inline bool tsc_is_usable(const struct tsc_evidence *e)
{
    bool fixed = e->intel && ((e->family == 15 && e->model >= 3) ||
                              (e->family == 6 && e->model >= 14));

    return e->intervals_agree && e->runs_in_halt &&
           (e->invariant || fixed || !e->scales);
}

/* The calibration cannot tell values apart that are within 1 / 50000 (one PIT
 * tick in 50 ms). A whole MHz in that range is the likelier truth: emulators
 * count exactly 1 GHz, and a guest compares its clocks with others. */
static inline uint32_t clock_settle_khz(uint32_t khz)
{
    uint32_t whole = (khz + 500) / 1000 * 1000;
    uint32_t off = khz > whole ? khz - whole : whole - khz;

    return off <= khz / 50000 ? whole : khz;
}

static inline uint32_t tsc_mult_for_khz(uint32_t khz)
{
    return (uint32_t)div64(1000000ull << TSC_SHIFT, khz, NULL);
}

/* Two multiplications, no division. Shifting the ticks first leaves the upper
 * half of each product where it is wanted. Good for 9 years at 4 GHz. */
static inline uint64_t tsc_to_ns(uint64_t ticks, uint32_t mult)
{
    uint64_t shifted = ticks << (32 - TSC_SHIFT);
    uint64_t low = (uint64_t)(uint32_t)shifted * mult;

    return (uint64_t)(uint32_t)(shifted >> 32) * mult + (uint32_t)(low >> 32);
}

/* hz / 10^9 as a fraction of 2^32; hz below 10^9. */
static inline uint32_t timer_mult_for_hz(uint32_t hz)
{
    return (uint32_t)div64((uint64_t)hz << 32, 1000000000, NULL);
}

/* Timer ticks that take ns or a little longer: the two clocks agree to about
 * 1 / 50000, and an interrupt that comes early costs a second one. */
static inline uint32_t timer_ticks_for_ns(uint32_t ns, uint32_t mult)
{
    uint32_t ticks = (uint32_t)(((uint64_t)ns * mult) >> 32);

    return ticks + (ticks >> 15) + 1;
}
