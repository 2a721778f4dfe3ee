/* SPDX-License-Identifier: MIT */
/* What interrupts.  Line 0 is the PIT's, or the HPET's timer 0 where there is no PIT,
 * and if all else fails the real-time clock ticks.  It is the timer of a CPU whose
 * LAPIC is not, and what ends a HLT while the LAPIC is being tried.  All is found out
 * by trying. */
#include "calibrate.h"

#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/tsc.h"
#include "hv/arch_if.h"
#include "hv/percpu.h"

#define IRQ_LINE_RTC 8u
#define MAX_WAKEUPS 1000u
#define MS 1000000u /* ns */

#define PIT_MAX_NS (50 * MS) /* 65536 ticks are 54.9 ms */
#define PIT_MULT 5124678u    /* ticks a ns, as a fraction of 2^32 */

static struct {
    const char *name;   /* NULL: nothing raises line 0 */
    uint32_t hpet_mult; /* not 0: it is the HPET, with so many ticks a ns times 2^32 */
    bool rtc;           /* it is line 8, and ticks by itself */
} irq0;

const char *irq0_name(void)
{
    return irq0.name;
}

void irq0_oneshot(uint32_t ns)
{
    if (irq0.hpet_mult != 0)
        hpet_oneshot(timer_ticks_for_ns(ns, irq0.hpet_mult));
    else if (!irq0.rtc)
        pit_oneshot((uint16_t)timer_ticks_for_ns(hv_min_u32(ns, PIT_MAX_NS), PIT_MULT));
}

void irq0_stop(void)
{
    if (irq0.hpet_mult != 0)
        hpet_stop();
    else if (!irq0.rtc)
        pit_stop();
}

static HV_INIT uint32_t timer_interrupts(void)
{
    return this_cpu()->irq_count[IRQ_LINE_TIMER];
}

/* Waits for 100 ms by the TSC, or what is taken for its speed: the host of a virtual
 * machine may be busy, and it is waited in vain at most twice. */
static HV_INIT bool arrives(const struct calibration *c)
{
    uint32_t before = timer_interrupts();
    uint64_t start = cpu_rdtsc();

    do {
        irq_open_window();
        if (timer_interrupts() != before)
            return true;
    } while (cpu_rdtsc() - start < 100ull * hv_max_u32(c->tsc_khz, TSC_KHZ_GUESS));
    return false;
}

HV_INIT bool irq0_find(const struct calibration *c, const struct ref_clock *hpet)
{
    irq0.name = "PIT";
    irq0_oneshot(MS);
    if (arrives(c))
        return true;
    pit_stop();
    if (hpet != NULL) {
        irq0.name = hpet->name;
        irq0.hpet_mult = timer_mult_for_hz(hpet->hz);
        irq0_oneshot(MS);
        if (arrives(c))
            return true;
        hpet_stop();
    }
    irq0.name = NULL;
    irq0.hpet_mult = 0;
    return false;
}

static void rtc_ticked(void)
{
    rtc_acknowledge();
    irq_timer_interrupt();
}

HV_INIT bool irq0_take_rtc(const struct calibration *c)
{
    arch_irq_set_handler(IRQ_LINE_RTC, rtc_ticked);
    rtc_start_ticking();
    irq0.rtc = arrives(c);
    irq0.name = irq0.rtc ? "RTC" : NULL;
    return irq0.rtc;
}

static HV_INIT void lapic_arm_ms(const struct calibration *c, uint32_t ms)
{
    lapic_timer_oneshot(IRQ_VEC_LAPIC_TIMER, c->lapic_hz / 1000 * ms, false);
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
    struct counter r;
    uint64_t ticks;

    counter_start(&r, c->ref);
    lapic_arm_ms(c, 2);
    irq0_oneshot(30 * MS);
    halt_for_timer();
    ticks = counter_read(&r);
    irq0_stop();
    lapic_timer_stop();
    return ticks < c->ref->hz / 1000 * 15;
}

HV_INIT bool calibrate_tsc_runs_in_halt(const struct calibration *c)
{
    uint64_t start, ticks, tsc, khz;
    struct counter r;

    counter_start(&r, c->ref);
    start = cpu_rdtsc();
    irq0_oneshot(2 * MS);
    if (c->lapic_hz != 0)
        lapic_arm_ms(c, 30);
    halt_for_timer();
    ticks = counter_read(&r);
    tsc = cpu_rdtsc() - start;
    irq0_stop();
    if (c->lapic_hz != 0)
        lapic_timer_stop();
    if (ticks == 0 || ticks > UINT32_MAX)
        return true;
    khz = div64(muldiv64(tsc, c->ref->hz, (uint32_t)ticks), 1000, NULL);
    return khz >= c->tsc_khz - c->tsc_khz / 50 &&
           khz <= c->tsc_khz + c->tsc_khz / 50;
}
