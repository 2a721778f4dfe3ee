/* SPDX-License-Identifier: MIT */
/* What a case may not change (P2 to P5 in tests/guests/README.md): the monitor's
 * code, constants and tables, the CPU's set-up, guests, and how long interrupts are off.
 * suite.c asks before and after each case, and for frames and timers a guest's account. */

#include "arch/descriptor.h"
#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/observer.h"
#include "hv/percpu.h"
#include "hv/string.h"
#include "suite_pack.h"

extern const uint8_t hv_text_start[], hv_text_end[];
extern const uint8_t hv_rodata_start[], hv_rodata_end[];
extern const uint8_t hv_ro_after_init_start[], hv_ro_after_init_end[];


/* docs/usage.md, the last section: instructions, which under -icount are ns. */
#define IRQS_OFF_NS 200000u
#define IRQS_OFF_RUNNING_NS 20000u

/* ---- P2: code, constants, tables ---- */

static uint32_t checksum_range(uint32_t crc, const uint8_t *from, const uint8_t *to)
{
    while (from < to) {
        uint32_t n = hv_min_u32((uint32_t)(to - from), 1024);

        crc = hv_crc32(crc, from, n);
        from += n;
        arch_preempt_point();
    }
    return crc;
}

/* The monitor's part of GDT and TSS; the rest of both belongs to the vCPU that
 * is loaded. The host IDT is among the data that is read-only after boot. */
static uint32_t checksum_tables(uint32_t crc)
{
    const uint8_t *gdt = (const uint8_t *)STATE_GDT_VA;
    const uint8_t *tss = (const uint8_t *)STATE_TSS_VA;

    for (uint32_t i = 0; i < GABI_GDT_ENTRIES; i++) {
        if (!gdt_index_is_guests(i))
            crc = hv_crc32(crc, gdt + i * 8u, 8);
    }
    crc = hv_crc32(crc, tss + offsetof(struct tss32, esp0), 8);
    return hv_crc32(crc, tss + offsetof(struct tss32, iomap_base), 2);
}

static uint32_t checksum(void)
{
    uint32_t crc = checksum_range(0, hv_text_start, hv_text_end);

    crc = checksum_range(crc, hv_rodata_start, hv_rodata_end);
    crc = checksum_range(crc, hv_ro_after_init_start, hv_ro_after_init_end);
    return checksum_tables(crc);
}

/* ---- P3, P4 ---- */

/* Guests of the suite, and those of them that are in the CPU's queue; what others start
 * and end meanwhile is no matter. */
static struct suite_before count(void)
{
    struct suite_before n = {0};

    list_for_each(l, &guest_list)
        n.guests += HV_CONTAINER_OF(l, struct guest, link)->config.observer == observer;
    list_for_each(l, &this_cpu()->run_queue)
        n.vcpus += HV_CONTAINER_OF(l, struct vcpu, run_link)->guest->config.observer == observer;
    return n;
}

void suite_before_take(struct suite_before *b)
{
    *b = count();
    b->checksum = checksum();
    this_cpu()->not_golden = NULL;
}

bool suite_is_as_before(const struct suite_before *b, char *why, uint32_t bytes)
{
    struct suite_before now = count();

    if (checksum() != b->checksum)
        hv_snprintf(why, bytes, "the monitor's code, constants or tables changed");
    else if (this_cpu()->not_golden)
        hv_snprintf(why, bytes, "%s is not as it was set up", this_cpu()->not_golden);
    else if (now.guests != b->guests || now.vcpus != b->vcpus)
        hv_snprintf(why, bytes, "%u guests and %u virtual CPUs, not %u and %u", now.guests,
                    now.vcpus, b->guests, b->vcpus);
    else
        return true;
    return false;
}

/* ---- P5 ---- */

static struct {
    bool running; /* nobody is built or taken apart */
    uint32_t now[2], longest[2];
} irqs;

static void irqs_collect(void)
{
    uint32_t ns = (uint32_t)this_cpu()->longest_irqs_off;

    this_cpu()->longest_irqs_off = 0;
    irqs.now[irqs.running] = ns > irqs.now[irqs.running] ? ns : irqs.now[irqs.running];
}

void suite_irqs_begin(bool running)
{
    arch_preempt_point(); /* what is late now is the last part's doing */
    irqs_collect();
    irqs.running = running;
}

/* Which bound counts and whether time is virtual, tools/run-suite knows. */
void suite_irqs_report(const char *name)
{
    static const uint32_t bounds[2] = {IRQS_OFF_NS, IRQS_OFF_RUNNING_NS};

    irqs_collect();
    for (uint32_t i = 0; i < 2; i++) {
        if (irqs.now[i] > bounds[i] && irqs.now[i] > irqs.longest[i])
            log_raw("# %s: interrupts off for %u ns%s\n", name, irqs.now[i],
                    i ? " while it ran" : "");
        if (irqs.now[i] > irqs.longest[i])
            irqs.longest[i] = irqs.now[i];
        irqs.now[i] = 0;
    }
}

void suite_irqs_totals(void)
{
    log_raw("# longest time with interrupts off: %u ns, while cases ran: %u ns\n",
            irqs.longest[0] > irqs.longest[1] ? irqs.longest[0] : irqs.longest[1],
            irqs.longest[1]);
    irqs.longest[0] = irqs.longest[1] = 0;
}

/* ---- P1 ---- */

#define WAIT_NS 20000000u /* two slices */

static uint32_t longest_wait;

void suite_share_begin(struct suite_share *s, bool greedy, uint32_t guests)
{
    struct guest *canary = suite_canary.guest;

    *s = (struct suite_share){arch_time_ns(), 0, guests};
    suite_canary.greedy = greedy;
    if (!canary)
        return;
    s->run_ns = canary->vcpu->run_ns;
    canary->vcpu->longest_wait_ns = 0;
}

/* Which of it is too much and whether time is virtual, tools/run-suite knows. */
void suite_share_end(const struct suite_share *s, const char *name)
{
    const struct guest *canary = suite_canary.guest;
    uint32_t all = (uint32_t)(arch_time_ns() - s->start_ns), had, waited;

    if (!canary)
        return;
    had = (uint32_t)div64((canary->vcpu->run_ns - s->run_ns) * 1000, all ? all : 1, NULL);
    waited = (uint32_t)canary->vcpu->longest_wait_ns;
    longest_wait = waited > longest_wait ? waited : longest_wait;
    if (suite_canary.greedy)
        log_raw("# %s: the canary had %u of %u per mille and waited %u ns\n", name, had,
                1000 / s->guests, waited);
    else if (waited > WAIT_NS)
        log_raw("# %s: the canary waited %u ns\n", name, waited);
    suite_canary.greedy = false;
}

void suite_share_totals(void)
{
    log_raw("# longest wait of the canary: %u ns\n", longest_wait);
    longest_wait = 0;
}
