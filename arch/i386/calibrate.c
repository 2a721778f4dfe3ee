/* SPDX-License-Identifier: MIT */
/* Measuring TSC and LAPIC timer against the PIT.  Six samples give five intervals
 * that must agree; the first and the last give the result.  Where intervals of
 * 2 ms agree to a ten-thousandth, the samples are that good and the result is as
 * if they had been longer; else they are 10 ms and must agree to a thousandth.  A
 * sample is taken where the PIT's counter changes, and of several the one that
 * was read fastest counts: a system management interrupt or a busy host makes a
 * reading slow, never fast.  Every loop is bounded. */
#include "calibrate.h"

#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/tsc.h"
#include "hv/arch_if.h"
#include "hv/driver.h"
#include "hv/percpu.h"

#define INTERVALS 5u
#define QUICK_TICKS (PIT_HZ / 500)
#define QUICK_TOLERANCE 10000u
#define SLOW_TICKS (PIT_HZ / 100)
#define SLOW_TOLERANCE 1000u
#define TRIES 4u
#define SAMPLE_READS 8u
#define DEAD_READS 1000u /* a counter that shows no change in so many stands */

#define PIT_TICKS_PER_MS (PIT_HZ / 1000)
#define MAX_WAKEUPS 1000u

struct sample {
    uint64_t tsc;
    uint64_t window; /* TSC ticks that the reading took */
    uint32_t lapic;
    uint16_t pit;
};

static HV_INIT bool sample_edge(struct sample *s)
{
    uint16_t last = pit_counter_read();

    for (uint32_t i = 0; i < DEAD_READS; i++) {
        s->tsc = cpu_rdtsc();
        s->pit = pit_counter_read();
        s->window = cpu_rdtsc() - s->tsc;
        if (s->pit != last) {
            s->lapic = lapic_present() ? lapic_timer_current() : 0;
            return true;
        }
    }
    return false;
}

static HV_INIT bool take_sample(struct sample *best)
{
    struct sample s;

    best->window = UINT64_MAX;
    for (uint32_t i = 0; i < SAMPLE_READS; i++) {
        if (!sample_edge(&s))
            return false;
        if (s.window < best->window)
            *best = s;
    }
    return true;
}

static HV_INIT bool wait_ticks(const struct sample *from, uint32_t ticks)
{
    uint16_t last = pit_counter_read();
    uint32_t still = 0;

    while ((uint16_t)(from->pit - last) < ticks) {
        uint16_t now = pit_counter_read();

        still = now == last ? still + 1 : 0;
        if (still > DEAD_READS)
            return false;
        last = now;
    }
    return true;
}

static HV_INIT uint32_t khz_of(uint64_t count, uint32_t ticks)
{
    return (uint32_t)div64(muldiv64(count, PIT_HZ, ticks), 1000, NULL);
}

/* One series of intervals that agree if they differ by less than one part in
 * tolerance. Returns false if the PIT does not count. */
static HV_INIT bool measure(struct calibration *c, uint32_t interval, uint32_t tolerance)
{
    struct sample first, a, b;
    uint32_t lowest = UINT32_MAX, highest = 0, ticks = 0;

    if (!take_sample(&first))
        return false;
    a = first;
    for (uint32_t i = 0; i < INTERVALS; i++) {
        uint32_t khz;

        if (!wait_ticks(&a, interval) || !take_sample(&b))
            return false;
        khz = khz_of(b.tsc - a.tsc, (uint16_t)(a.pit - b.pit));
        lowest = hv_min_u32(lowest, khz);
        highest = hv_max_u32(highest, khz);
        ticks += (uint16_t)(a.pit - b.pit);
        a = b;
    }
    c->tsc_khz = clock_settle_khz(khz_of(a.tsc - first.tsc, ticks));
    c->intervals_agree = highest - lowest <= highest / tolerance;
    c->lapic_hz = clock_settle_khz(khz_of(first.lapic - a.lapic, ticks)) * 1000;
    return true;
}

/* ---- machines whose PIT is switched off ---- */

/* The crystal's frequency, or the nominal one (CPUID leaves 0x15 and 0x16). */
static HV_INIT uint32_t khz_from_cpuid(void)
{
    struct cpuid_regs r;

    if (cpu_features.max_leaf >= 0x15) {
        r = cpu_cpuid(0x15, 0);
        if (r.eax != 0 && r.ebx != 0 && r.ecx != 0)
            return (uint32_t)div64(muldiv64(r.ecx, r.ebx, r.eax), 1000, NULL);
    }
    if (cpu_features.max_leaf >= 0x16)
        return (cpu_cpuid(0x16, 0).eax & 0xffff) * 1000;
    return 0;
}

static HV_INIT uint32_t khz_from_rtc(void)
{
    uint64_t start;

    if (!rtc_wait_tick())
        return 0;
    start = cpu_rdtsc();
    if (!rtc_wait_tick())
        return 0;
    return (uint32_t)div64(cpu_rdtsc() - start, 1000, NULL);
}

static HV_INIT void spin_tsc(uint64_t ticks)
{
    uint64_t start = cpu_rdtsc();

    while (cpu_rdtsc() - start < ticks)
        cpu_pause();
}

static HV_INIT void measure_without_pit(struct calibration *c)
{
    uint32_t lapic;

    c->tsc_khz = khz_from_cpuid();
    if (c->tsc_khz == 0)
        c->tsc_khz = khz_from_rtc();
    c->intervals_agree = c->tsc_khz != 0;
    if (c->tsc_khz == 0 || !lapic_present())
        return;
    lapic = lapic_timer_current();
    spin_tsc(10ull * c->tsc_khz);
    c->lapic_hz = (lapic - lapic_timer_current()) * 100;
}

HV_INIT void calibrate_clocks(struct calibration *c)
{
    *c = (struct calibration){.pit_counts = true};
    if (lapic_present())
        lapic_timer_oneshot(IRQ_VEC_LAPIC_TIMER, UINT32_MAX, false);
    c->pit_counts = measure(c, QUICK_TICKS, QUICK_TOLERANCE);
    for (uint32_t i = 0; i < TRIES && c->pit_counts && !c->intervals_agree; i++)
        c->pit_counts = measure(c, SLOW_TICKS, SLOW_TOLERANCE);
    if (!c->pit_counts)
        measure_without_pit(c);
    if (lapic_present())
        lapic_timer_stop();
    /* Slower than 1 MHz is no clock, faster than 1 GHz has no multiplier. */
    if (c->lapic_hz < 1000000 || c->lapic_hz >= 1000000000)
        c->lapic_hz = 0;
}

/* ---- do the interrupts arrive? ---- */

static HV_INIT uint32_t timer_interrupts(void)
{
    return this_cpu()->irq_count[IRQ_LINE_TIMER];
}

static HV_INIT void lapic_arm_ms(const struct calibration *c, uint32_t ms)
{
    lapic_timer_oneshot(IRQ_VEC_LAPIC_TIMER, c->lapic_hz / 1000 * ms, false);
}

static HV_INIT void pit_arm_ms(uint32_t ms)
{
    pit_oneshot((uint16_t)(PIT_TICKS_PER_MS * ms));
}

/* Waits for 20 ms by the TSC, which counts well enough for that. */
static HV_INIT bool arrives(const struct calibration *c)
{
    uint32_t before = timer_interrupts();
    uint64_t start = cpu_rdtsc();

    do {
        irq_open_window();
        if (timer_interrupts() != before)
            return true;
    } while (cpu_rdtsc() - start < 20ull * hv_max_u32(c->tsc_khz, 1000000));
    return false;
}

HV_INIT bool calibrate_pit_arrives(const struct calibration *c)
{
    pit_arm_ms(1);
    return arrives(c);
}

HV_INIT bool calibrate_lapic_arrives(const struct calibration *c)
{
    bool ok;

    if (c->lapic_hz == 0)
        return false;
    lapic_arm_ms(c, 1);
    ok = arrives(c);
    lapic_timer_stop();
    return ok;
}

/* Halts until a timer has interrupted. The caller has armed two. */
static HV_INIT void halt_for_timer(void)
{
    uint32_t before = timer_interrupts();

    for (uint32_t i = 0; i < MAX_WAKEUPS && timer_interrupts() == before; i++) {
        cpu_sti_hlt();
        cpu_cli();
    }
}

HV_INIT bool calibrate_lapic_wakes(const struct calibration *c)
{
    uint16_t start = pit_counter_read();
    uint32_t ticks;

    lapic_arm_ms(c, 2);
    pit_arm_ms(30);
    halt_for_timer();
    ticks = (uint16_t)(start - pit_counter_read());
    pit_stop();
    lapic_timer_stop();
    return ticks < 15 * PIT_TICKS_PER_MS;
}

HV_INIT bool calibrate_tsc_runs_in_halt(const struct calibration *c)
{
    struct sample a, b;
    uint32_t khz;

    if (!take_sample(&a))
        return true;
    pit_arm_ms(2);
    if (c->lapic_hz != 0)
        lapic_arm_ms(c, 30);
    halt_for_timer();
    if (!take_sample(&b))
        return true;
    pit_stop();
    if (c->lapic_hz != 0)
        lapic_timer_stop();
    khz = khz_of(b.tsc - a.tsc, (uint16_t)(a.pit - b.pit));
    return khz >= c->tsc_khz - c->tsc_khz / 50 &&
           khz <= c->tsc_khz + c->tsc_khz / 50;
}
