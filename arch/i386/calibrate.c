/* SPDX-License-Identifier: MIT */
/* Measuring TSC and LAPIC timer against a counter of a known rate: PIT, HPET or ACPI
 * PM timer.  Six samples give five intervals that must agree; the first and the last
 * give the result.  Where intervals of 2 ms agree to a ten-thousandth, the samples are
 * that good and the result is as if they had been longer; else they are 10 ms and must
 * agree to a thousandth.  A sample is taken where the counter changes, and of several
 * the one that was read fastest counts: a system management interrupt or a busy host
 * makes a reading slow, never fast.  A second counter, where there is one, has to say
 * the same.
 *
 * How long a read takes is not known: nanoseconds in some emulators, a millisecond
 * where every port access is somebody's program.  So no wait here is a number of reads.
 * It ends by the counter that is waited for; and where that may stand still, by the TSC,
 * which ticks at most some 6 and at least some 0.06 times a nanosecond. */
#include "calibrate.h"

#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/tsc.h"
#include "hv/arch_if.h"
#include "hv/log.h"

#define INTERVALS 5u
#define QUICK_PER_S 500u
#define QUICK_TOLERANCE 10000u
#define SLOW_PER_S 100u
#define SLOW_TOLERANCE 1000u
#define TRIES 4u
#define SAMPLE_READS 8u
#define WITNESS_TOLERANCE 16u /* what is wrong is wrong by a factor */

/* No counter is slower than the PIT, which changes within 0.84 us: 5000 ticks of the
 * fastest TSC. A TSC that stands itself, or nearly, does not hold us up either. */
#define DEAD_TSC 100000u
#define DEAD_READS 1000u
#define DEAD_READS_MAX 1000000u

/* More than a second of the fastest TSC. */
#define RTC_TSC 8000000000ull
#define RTC_READS_MAX 100000000u
#define RTC_EDGES 4u

/* ---- waiting ---- */

struct patience {
    uint64_t since; /* TSC */
    uint32_t reads;
};

static struct patience patience_now(void)
{
    return (struct patience){cpu_rdtsc(), 0};
}

static HV_INIT bool has_stopped(struct patience *p)
{
    p->reads++;
    return p->reads > DEAD_READS_MAX ||
           (p->reads > DEAD_READS && cpu_rdtsc() - p->since > DEAD_TSC);
}

void counter_start(struct counter *r, const struct ref_clock *clock)
{
    *r = (struct counter){clock, clock->read(), 0};
}

uint64_t counter_read(struct counter *r)
{
    uint32_t now = r->clock->read();

    r->total += (now - r->last) & r->clock->mask;
    r->last = now;
    return r->total;
}

/* ---- one counter and its witness ---- */

struct sample {
    uint64_t tsc;
    uint64_t window; /* TSC ticks that the reading took */
    uint64_t ref, witness;
    uint32_t lapic;
};

struct bench {
    struct counter ref, witness; /* the latter's clock may be NULL */
};

static HV_INIT bool sample_edge(struct bench *b, struct sample *s)
{
    uint64_t last = counter_read(&b->ref);
    struct patience p = patience_now();

    do {
        s->tsc = cpu_rdtsc();
        s->ref = counter_read(&b->ref);
        s->window = cpu_rdtsc() - s->tsc;
        if (s->ref != last) {
            s->witness = b->witness.clock != NULL ? counter_read(&b->witness) : 0;
            s->lapic = lapic_present() ? lapic_timer_current() : 0;
            return true;
        }
    } while (!has_stopped(&p));
    return false;
}

static HV_INIT bool take_sample(struct bench *b, struct sample *best)
{
    struct sample s;

    best->window = UINT64_MAX;
    for (uint32_t i = 0; i < SAMPLE_READS; i++) {
        if (!sample_edge(b, &s))
            return false;
        if (s.window < best->window)
            *best = s;
    }
    return true;
}

static HV_INIT bool wait_until(struct bench *b, uint64_t end)
{
    uint64_t last = counter_read(&b->ref);
    struct patience p = patience_now();

    while (last < end) {
        uint64_t now = counter_read(&b->ref);

        if (now != last)
            p = patience_now();
        else if (has_stopped(&p))
            return false;
        last = now;
    }
    return true;
}

static HV_INIT uint32_t khz_of(uint64_t count, uint32_t hz, uint64_t ticks)
{
    return ticks != 0 && ticks <= UINT32_MAX
        ? (uint32_t)div64(muldiv64(count, hz, (uint32_t)ticks), 1000, NULL) : 0;
}

static HV_INIT bool is_near(uint64_t a, uint64_t b, uint32_t tolerance)
{
    return (a > b ? a - b : b - a) <= div64(a, tolerance, NULL);
}

/* Counted as many ticks as it should have in that time? One that stands still is no
 * witness. */
static HV_INIT bool contradicts(const struct bench *b, const struct sample *from,
                                const struct sample *to)
{
    uint64_t seen = to->witness - from->witness;

    return seen != 0 && !is_near(muldiv64(to->ref - from->ref, b->witness.clock->hz,
                                          b->ref.clock->hz),
                                 seen, WITNESS_TOLERANCE);
}

/* One series of intervals, so many a second, that agree if they differ by less than one
 * part in tolerance. Returns false if the counter does not count. */
static HV_INIT bool measure(struct calibration *c, struct bench *b, uint32_t per_s,
                            uint32_t tolerance)
{
    uint32_t hz = b->ref.clock->hz, lowest = UINT32_MAX, highest = 0;
    struct sample first, last, s;

    if (!take_sample(b, &first))
        return false;
    last = first;
    for (uint32_t i = 0; i < INTERVALS; i++) {
        uint32_t khz;

        if (!wait_until(b, last.ref + hz / per_s) || !take_sample(b, &s))
            return false;
        khz = khz_of(s.tsc - last.tsc, hz, s.ref - last.ref);
        lowest = hv_min_u32(lowest, khz);
        highest = hv_max_u32(highest, khz);
        last = s;
    }
    c->tsc_khz = clock_settle_khz(khz_of(last.tsc - first.tsc, hz, last.ref - first.ref));
    c->intervals_agree = highest - lowest <= highest / tolerance;
    c->contradicted = contradicts(b, &first, &last);
    c->lapic_hz = clock_settle_khz(khz_of(first.lapic - last.lapic, hz,
                                          last.ref - first.ref)) * 1000;
    return true;
}

static HV_INIT bool is_good(const struct calibration *c)
{
    return c->ref != NULL && c->intervals_agree && !c->contradicted;
}

static HV_INIT void lapic_count_down(void)
{
    if (lapic_present())
        lapic_timer_oneshot(IRQ_VEC_LAPIC_TIMER, UINT32_MAX, false);
}

static HV_INIT void measure_by(struct calibration *c, const struct ref_clock *ref,
                               const struct ref_clock *witness)
{
    struct bench b = {.witness.clock = NULL};
    bool counts;

    *c = (struct calibration){.by = ref->name};
    lapic_count_down();
    counter_start(&b.ref, ref);
    if (witness != NULL)
        counter_start(&b.witness, witness);
    counts = measure(c, &b, QUICK_PER_S, QUICK_TOLERANCE);
    for (uint32_t i = 0; i < TRIES && counts && !(c->intervals_agree && !c->contradicted);
         i++)
        counts = measure(c, &b, SLOW_PER_S, SLOW_TOLERANCE);
    c->ref = counts ? ref : NULL;
}

/* ---- without such a counter, or where two disagree ---- */

/* VMware's leaf, which others have taken over: TSC in kHz. */
#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_HYPERVISOR_FREQUENCY 0x40000010u

/* The hypervisor's word, the crystal's frequency, or the nominal one (CPUID leaves 0x15
 * and 0x16). */
static HV_INIT uint32_t khz_from_cpuid(void)
{
    struct cpuid_regs r;

    if (cpu_features.hypervisor) {
        r = cpu_cpuid(LEAF_HYPERVISOR, 0);
        if (r.eax >= LEAF_HYPERVISOR_FREQUENCY && r.eax < LEAF_HYPERVISOR + 0x10000)
            r = cpu_cpuid(LEAF_HYPERVISOR_FREQUENCY, 0);
        else
            r.eax = 0;
        if (r.eax != 0)
            return r.eax;
    }
    if (cpu_features.max_leaf >= 0x15) {
        r = cpu_cpuid(0x15, 0);
        if (r.eax != 0 && r.ebx != 0 && r.ecx != 0)
            return (uint32_t)div64(muldiv64(r.ecx, r.ebx, r.eax), 1000, NULL);
    }
    if (cpu_features.max_leaf >= 0x16)
        return (cpu_cpuid(0x16, 0).eax & 0xffff) * 1000;
    return 0;
}

/* Waits until the clock shows another second than *second, which may be -1: any. */
static HV_INIT bool rtc_edge(int *second, uint64_t *tsc)
{
    uint64_t start = cpu_rdtsc();
    int was = *second;

    for (uint32_t i = 0; i < RTC_READS_MAX; i++) {
        *second = rtc_second();
        *tsc = cpu_rdtsc();
        if (*second >= 0 && was >= 0 && *second != was)
            return true;
        if (*second >= 0 && was < 0)
            was = *second;
        if (*tsc - start > RTC_TSC)
            return false;
    }
    return false;
}

/* Two intervals in a row that agree well are enough. A busy host makes an edge look
 * late: then all of them together count, if none is off by a factor. */
static HV_INIT uint32_t khz_from_rtc(void)
{
    uint32_t before = 0, khz, lowest = UINT32_MAX, highest = 0, seconds = 0;
    uint64_t tsc, last, first;
    int second = -1;

    if (!rtc_edge(&second, &first))
        return 0;
    last = first;
    for (uint32_t i = 0; i < RTC_EDGES; i++) {
        uint32_t was = (uint32_t)second, passed;

        if (!rtc_edge(&second, &tsc))
            return 0;
        passed = ((uint32_t)second - was + 60) % 60;
        khz = khz_of(tsc - last, 1, passed);
        if (before != 0 && is_near(khz, before, SLOW_TOLERANCE))
            return clock_settle_khz(khz);
        lowest = hv_min_u32(lowest, khz);
        highest = hv_max_u32(highest, khz);
        seconds += passed;
        before = khz;
        last = tsc;
    }
    return is_near(lowest, highest, WITNESS_TOLERANCE) ? khz_of(last - first, 1, seconds) : 0;
}

static HV_INIT uint32_t khz_from_elsewhere(const char **by)
{
    uint32_t khz = khz_from_cpuid();

    *by = "CPUID";
    if (khz >= TSC_KHZ_MIN)
        return khz;
    *by = "RTC";
    return khz_from_rtc();
}

static HV_INIT uint32_t lapic_ticks_in(uint64_t tsc_ticks)
{
    uint64_t start = cpu_rdtsc(), now;
    uint32_t before = lapic_timer_current(), after;

    do {
        cpu_pause();
        after = lapic_timer_current();
        now = cpu_rdtsc();
    } while (now - start < tsc_ticks);
    return (uint32_t)muldiv64(before - after, (uint32_t)tsc_ticks, (uint32_t)(now - start));
}

/* For 10 ms by the TSC, twice; what is not known to be so fast counts as 1 GHz, as the
 * clock will too. */
static HV_INIT void measure_lapic_by_tsc(struct calibration *c)
{
    uint64_t ticks = 10ull * (c->tsc_khz != 0 ? c->tsc_khz : TSC_KHZ_GUESS);
    uint32_t one, two;

    lapic_count_down();
    one = lapic_present() ? lapic_ticks_in(ticks) : 0;
    for (uint32_t i = 0; i < TRIES && one != 0; i++) {
        two = lapic_ticks_in(ticks);
        if (is_near(one, two, SLOW_TOLERANCE))
            break;
        one = two;
    }
    c->lapic_hz = one < UINT32_MAX / 100 ? one * 100 : 0;
}

static HV_INIT void measure_without_ref(struct calibration *c, uint32_t khz, const char *by)
{
    *c = (struct calibration){.tsc_khz = khz, .intervals_agree = khz != 0, .by = by};
    if (khz == 0)
        log_warn("time: nothing tells how fast the TSC counts, it is taken for 1 GHz");
    measure_lapic_by_tsc(c);
}

/* None is good. Where two contradict each other a third party says who is right. */
static HV_INIT void settle(struct calibration *c, const struct calibration *all, uint32_t n)
{
    const struct calibration *counts = NULL;
    const char *by = NULL;
    uint32_t khz = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (all[i].ref == NULL)
            continue;
        if (counts == NULL)
            counts = &all[i];
        if (!all[i].contradicted)
            continue;
        if (by == NULL)
            khz = khz_from_elsewhere(&by);
        if (khz != 0 && is_near(khz, all[i].tsc_khz, WITNESS_TOLERANCE)) {
            log_warn("time: the %s is believed, others count wrongly", all[i].by);
            *c = all[i];
            return;
        }
    }
    if (counts != NULL && !(counts->contradicted && khz != 0)) {
        *c = *counts;
        c->intervals_agree = false;
        return;
    }
    if (by == NULL)
        khz = khz_from_elsewhere(&by);
    measure_without_ref(c, khz, by);
}

HV_INIT void calibrate_clocks(struct calibration *c, const struct ref_clock *const *refs,
                              uint32_t n)
{
    struct calibration all[CALIBRATE_MAX_REFS];
    uint32_t i;

    for (i = 0; i < n; i++) {
        measure_by(&all[i], refs[i], n > 1 ? refs[(i + 1) % n] : NULL);
        if (is_good(&all[i]))
            break;
    }
    if (i < n)
        *c = all[i];
    else
        settle(c, all, n);
    if (lapic_present())
        lapic_timer_stop();
    /* Slower than 1 MHz is no clock, faster than 1 GHz has no multiplier. */
    if (c->lapic_hz < 1000000 || c->lapic_hz >= 1000000000)
        c->lapic_hz = 0;
}
