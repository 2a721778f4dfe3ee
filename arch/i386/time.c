/* SPDX-License-Identifier: MIT */
/* T:430 The clock and the timer of a CPU.  The clock is the TSC where it counts
 * evenly, else a free-running counter of the PIT; the timer is the LAPIC's where
 * it works and ends a HLT, else channel 0 of the PIT.  All of that is found out
 * by measuring at boot (calibrate.c).  arch_time_ns() never goes backwards. */
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
#define PIT_MAX_NS 50000000u     /* 65536 ticks are 54.9 ms */
#define PIT_MULT 5124678u        /* ticks a ns, as a fraction of 2^32 */

/* The PIT's counter as a clock has to be read once in 54.9 ms. */
#define KEEPALIVE_NS 20000000u

/* A machine on which nothing can be measured gets this. */
#define KHZ_GUESS 1000000u

static struct {
    uint64_t tsc_base; /* TSC at time 0 */
    uint32_t tsc_mult; /* 0: the TSC is not the clock */
    uint32_t lapic_mult; /* LAPIC ticks a ns, fraction of 2^32; 0: use the PIT */
    uint32_t guest_khz;  /* arch_tsc_khz() */
    bool pit_clock;
    volatile bool pit_reading;
    uint16_t pit_last;
    uint64_t pit_ticks;
    uint64_t wallclock_base_ns;
    struct timer keepalive;
} clock;

uint32_t arch_tsc_mult;

/* Slow, and only for machines whose TSC is no good. An interval longer than a
 * wrap of the counter is lost: the clock is late then, but never goes back. */
static HV_NOINLINE uint64_t pit_time_ns(void)
{
    uint16_t now;

    if (!clock.pit_clock)
        return 0; /* before arch_time_init() */
    if (!clock.pit_reading) { /* else an NMI came between the two bytes */
        clock.pit_reading = true;
        now = pit_counter_read();
        clock.pit_ticks += (uint16_t)(clock.pit_last - now);
        clock.pit_last = now;
        clock.pit_reading = false;
    }
    return muldiv64(clock.pit_ticks, NS_PER_S, PIT_HZ);
}

HV_INLINE uint64_t time_now(void)
{
    if (hv_unlikely(clock.tsc_mult == 0))
        return pit_time_ns();
    return tsc_to_ns_fast(cpu_rdtsc() - clock.tsc_base, clock.tsc_mult);
}

uint64_t arch_time_ns(void)
{
    return time_now();
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
        pit_oneshot((uint16_t)timer_ticks_for_ns(hv_min_u32(ns, PIT_MAX_NS),
                                                 PIT_MULT));
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
        pit_stop();
    }
}

/* With the PIT the interrupt may come too early; the queue then arms the rest. */
void arch_timer_arm(uint64_t deadline_ns)
{
    uint64_t now = time_now();
    uint64_t delta = deadline_ns - now;

    if (hv_unlikely((uint32_t)(delta >> 32) != 0)) {
        arm_unusual(deadline_ns, now);
        return;
    }
    this_cpu()->arch.timer_expected_ns = deadline_ns;
    program((uint32_t)delta);
}

bool arch_timer_uses_pit(void)
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
    now = time_now();
    if (now > expected && now - expected > cpu->longest_irqs_off)
        cpu->longest_irqs_off = now - expected;
}

static void keepalive_fired(struct timer *t)
{
    timer_arm(t, time_now() + KEEPALIVE_NS);
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
    uint32_t khz = c->tsc_khz >= TSC_KHZ_MIN ? c->tsc_khz : KHZ_GUESS;

    if (tsc_usable)
        clock.guest_khz = khz;
    if (!tsc_usable && c->pit_counts) {
        clock.pit_last = pit_counter_read();
        clock.pit_clock = true;
        timer_init_own(&clock.keepalive, keepalive_fired);
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
        clock.wallclock_base_ns = seconds * NS_PER_S - time_now();
}

/* ARAT (CPUID 6 EAX bit 2) does not matter here: it is about states deeper than
 * the C1 that HLT enters. AMD's C1E is one that HLT may enter all the same; the
 * test with a HLT finds it. */
HV_INIT void arch_time_init(void)
{
    struct calibration c;
    bool pit, lapic, tsc, runs_in_halt = true;

    pit_counter_start();
    calibrate_clocks(&c);
    arch_irq_set_handler(IRQ_LINE_TIMER, NULL);
    pit = calibrate_pit_arrives(&c);
    lapic = calibrate_lapic_arrives(&c);
    if (pit && c.pit_counts)
        runs_in_halt = calibrate_tsc_runs_in_halt(&c);
    if (pit && c.pit_counts && lapic)
        lapic = calibrate_lapic_wakes(&c);
    tsc = judge_tsc(&c, runs_in_halt);
    if (lapic) {
        clock.lapic_mult = timer_mult_for_hz(c.lapic_hz);
        pic8259_mask(IRQ_LINE_TIMER);
    }
    start_clock(&c, tsc);
    read_wallclock();
    log_info("time: clock %s, TSC %u kHz%s, timer %s",
             clock.tsc_mult != 0 ? "TSC" : "PIT", c.tsc_khz,
             tsc ? "" : " (not for guests)", lapic ? "LAPIC" : "PIT");
    log_debug("time: intervals agree %d, tsc runs in halt %d, invariant %d, "
              "lapic %u Hz, pit counts %d, interrupts %d",
              c.intervals_agree, runs_in_halt, cpu_features.tsc_invariant,
              c.lapic_hz, c.pit_counts, pit);
    if (!lapic && !pit)
        log_error("no timer interrupt arrives");
}
