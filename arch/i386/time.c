/* SPDX-License-Identifier: MIT */
/* The clock and the timer of a CPU.  The clock is the TSC where it counts
 * evenly, else the counter that it was measured against; the timer is the LAPIC's
 * where it works and ends a HLT, else what raises line 0.  All of that is found out
 * by measuring at boot (calibrate.c, irq0.c).  arch_time_ns() never goes backwards. */
#include "arch/time.h"

#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/time_inline.h"
#include "arch/tsc.h"
#include "calibrate.h"
#include "hv/arch_if.h"
#include "hv/driver.h"
#include "hv/log.h"
#include "hv/percpu.h"
#include "hv/timerq.h"

#define NS_PER_S 1000000000u

#define TIMER_MAX_NS UINT32_MAX  /* what is further away is armed in steps */

/* The PIT's counter as a clock has to be read once in 54.9 ms. */
#define KEEPALIVE_NS 20000000u

static struct {
    uint64_t tsc_base; /* TSC at time 0 */
    uint32_t tsc_mult; /* 0: the TSC is not the clock */
    uint32_t lapic_mult; /* LAPIC ticks a ns, fraction of 2^32; 0: use line 0 */
    uint32_t guest_khz;  /* arch_tsc_khz() */
    struct counter ref;  /* the clock if the TSC is not */
    volatile bool ref_reading;
    uint64_t wallclock_base_ns;
    struct timer keepalive;
} clock;

uint32_t arch_tsc_mult;

/* Slow, and only for machines whose TSC is no good. An interval longer than a
 * wrap of the counter is lost: the clock is late then, but never goes back. */
static HV_NOINLINE uint64_t ref_time_ns(void)
{
    if (clock.ref.clock == NULL)
        return 0; /* before arch_time_init() */
    if (!clock.ref_reading) { /* else an NMI came between the two bytes */
        clock.ref_reading = true;
        (void)counter_read(&clock.ref);
        clock.ref_reading = false;
    }
    return muldiv64(clock.ref.total, NS_PER_S, clock.ref.clock->hz);
}

uint64_t arch_time_ns(void)
{
    if (hv_unlikely(clock.tsc_mult == 0))
        return ref_time_ns();
    return tsc_to_ns(cpu_rdtsc() - clock.tsc_base, clock.tsc_mult);
}

uint32_t arch_tsc_khz(void)
{
    return clock.guest_khz;
}

uint64_t arch_wallclock_base_ns(void)
{
    return clock.wallclock_base_ns;
}

/* ---- the timer ---- */

static void program(uint32_t ns)
{
    if (hv_likely(clock.lapic_mult != 0))
        lapic_timer_oneshot(IRQ_VEC_LAPIC_TIMER,
                            timer_ticks_for_ns(ns, clock.lapic_mult), false);
    else
        irq0_oneshot(ns);
}

/* A deadline that has passed, is more than 4.29 s away, or is none. */
static HV_NOINLINE void arm_unusual(uint64_t deadline_ns, uint64_t now)
{
    struct percpu *cpu = this_cpu();

    cpu->arch.timer_expected_ns = 0;
    if (deadline_ns > now && deadline_ns != UINT64_MAX) {
        program(TIMER_MAX_NS);
    } else if (deadline_ns <= now) {
        cpu->arch.timer_expected_ns = now;
        program(0);
    } else if (clock.lapic_mult != 0) {
        lapic_timer_stop();
    } else {
        irq0_stop();
    }
}

/* With the PIT the interrupt may come too early; the queue then arms the rest. */
void arch_timer_arm(uint64_t deadline_ns)
{
    uint64_t now = arch_time_ns();
    uint64_t delta = deadline_ns - now;

    if (hv_unlikely((uint32_t)(delta >> 32) != 0)) {
        arm_unusual(deadline_ns, now);
        return;
    }
    this_cpu()->arch.timer_expected_ns = deadline_ns;
    program((uint32_t)delta);
}

bool arch_timer_uses_irq0(void)
{
    return clock.lapic_mult == 0;
}

void time_note_interrupt(void)
{
    struct percpu *cpu = this_cpu();
    uint64_t expected = cpu->arch.timer_expected_ns;
    uint64_t now;

    if (expected == 0)
        return;
    cpu->arch.timer_expected_ns = 0;
    now = arch_time_ns();
    if (now > expected && now - expected > cpu->longest_irqs_off)
        cpu->longest_irqs_off = now - expected;
}

static void keepalive_fired(struct timer *t)
{
    timer_arm(t, arch_time_ns() + KEEPALIVE_NS);
}

/* ---- choosing ---- */

/* Enhanced SpeedStep, or PowerNow's frequency or voltage control. */
static HV_INIT bool cpu_scales(void)
{
    if ((cpu_cpuid(1, 0).ecx & HV_BIT(7)) != 0)
        return true;
    return cpu_features.max_ext_leaf >= 0x80000007 &&
           (cpu_cpuid(0x80000007, 0).edx & (HV_BIT(1) | HV_BIT(2))) != 0;
}

static HV_INIT bool is_intel(void)
{
    return cpu_features.vendor[0] == 'G' && cpu_features.vendor[8] == 'n' &&
           cpu_features.vendor[11] == 'l'; /* GenuineIntel */
}

static HV_INIT bool judge_tsc(const struct calibration *c, bool runs_in_halt)
{
    struct tsc_evidence e = {
        .intervals_agree = c->intervals_agree,
        .runs_in_halt = runs_in_halt,
        .invariant = cpu_features.tsc_invariant,
        .intel = is_intel(),
        .family = cpu_features.family,
        .model = cpu_features.model,
        .scales = cpu_scales(),
    };

    return c->tsc_khz >= TSC_KHZ_MIN && tsc_is_usable(&e);
}

static HV_INIT void start_clock(const struct calibration *c, bool tsc_usable)
{
    uint32_t khz = c->tsc_khz >= TSC_KHZ_MIN ? c->tsc_khz : TSC_KHZ_GUESS;

    if (tsc_usable)
        clock.guest_khz = khz;
    if (!tsc_usable && c->ref != NULL) {
        counter_start(&clock.ref, c->ref);
        timer_init(&clock.keepalive, NULL, keepalive_fired);
        timer_arm(&clock.keepalive, KEEPALIVE_NS);
        return;
    }
    clock.tsc_base = cpu_rdtsc();
    clock.tsc_mult = tsc_mult_for_khz(khz);
    arch_tsc_mult = clock.tsc_mult;
}

static HV_INIT void read_wallclock(void)
{
    uint64_t seconds = rtc_read();

    if (seconds == 0)
        log_warn("no real-time clock: the date starts at 1970");
    else
        clock.wallclock_base_ns = seconds * NS_PER_S - arch_time_ns();
}

static HV_INIT void report(const struct calibration *c, bool lapic, bool tsc)
{
    const char *line0 = irq0_name() != NULL ? irq0_name() : "nobody";

    log_info("time: clock %s, TSC %u kHz%s, timer %s",
             clock.tsc_mult != 0 ? "TSC" : c->ref->name, c->tsc_khz,
             tsc ? "" : " (not for guests)", lapic ? "LAPIC" : line0);
    log_debug("time: measured by %s, intervals agree %d, invariant %d, lapic %u Hz, "
              "line 0 by %s", c->by, c->intervals_agree, cpu_features.tsc_invariant,
              c->lapic_hz, line0);
    if (!lapic && irq0_name() == NULL)
        log_error("no timer interrupt arrives, from LAPIC, PIT, HPET or RTC: guests run, "
                  "but nothing here will be on time");
}

/* ARAT (CPUID 6 EAX bit 2) does not matter here: it is about states deeper than
 * the C1 that HLT enters. AMD's C1E is one that HLT may enter all the same; the
 * test with a HLT finds it. It needs another interrupt, in case that it does. */
HV_INIT void arch_time_init(void)
{
    const struct ref_clock *hpet = hpet_clock_start(irq_hpet_registers());
    const struct ref_clock *found[CALIBRATE_MAX_REFS] = {pit_clock_start(), hpet,
                                                         pm_timer_clock()};
    const struct ref_clock *refs[CALIBRATE_MAX_REFS];
    struct calibration c;
    bool irq0, lapic, tsc, runs_in_halt = true;
    uint32_t n = 0;

    for (uint32_t i = 0; i < CALIBRATE_MAX_REFS; i++) {
        if (found[i] != NULL)
            refs[n++] = found[i];
    }
    calibrate_clocks(&c, refs, n);
    arch_irq_set_handler(IRQ_LINE_TIMER, NULL);
    irq0 = irq0_find(&c, hpet);
    lapic = calibrate_lapic_arrives(&c);
    if (irq0 && c.ref != NULL)
        runs_in_halt = calibrate_tsc_runs_in_halt(&c);
    if (irq0 && c.ref != NULL && lapic)
        lapic = calibrate_lapic_wakes(&c);
    tsc = judge_tsc(&c, runs_in_halt);
    if (!lapic && !irq0)
        irq0 = irq0_take_rtc(&c);
    if (lapic) {
        clock.lapic_mult = timer_mult_for_hz(c.lapic_hz);
        pic8259_mask(IRQ_LINE_TIMER);
    }
    start_clock(&c, tsc);
    read_wallclock();
    report(&c, lapic, tsc);
}
