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

/* As it was before the case, and what its guests have lost since then. */
static struct before {
    uint32_t guests, vcpus, checksum;
} before;
static struct account lost;

void suite_guest_gone(const struct guest *g)
{
    lost.frames += g->account.frames;
    lost.timers += g->account.timers;
}

/* The suite's own: what others start and end meanwhile is no matter. */
static struct before count(void)
{
    struct before n = {0};

    list_for_each(l, &guest_list)
        n.guests += HV_CONTAINER_OF(l, struct guest, link)->config.observer == observer;
    list_for_each(l, &this_cpu()->run_queue)
        n.vcpus += HV_CONTAINER_OF(l, struct vcpu, run_link)->guest->config.observer == observer;
    return n;
}

void suite_before_take(void)
{
    before = count();
    before.checksum = checksum();
    lost = (struct account){0};
    this_cpu()->not_golden = NULL;
}

bool suite_is_as_before(char *why, uint32_t bytes)
{
    struct before now = count();

    if (checksum() != before.checksum)
        hv_snprintf(why, bytes, "the monitor's code, constants or tables changed");
    else if (this_cpu()->not_golden)
        hv_snprintf(why, bytes, "%s is not as it was set up", this_cpu()->not_golden);
    else if (now.guests != before.guests || now.vcpus != before.vcpus)
        hv_snprintf(why, bytes, "%u guests and %u virtual CPUs, not %u and %u", now.guests,
                    now.vcpus, before.guests, before.vcpus);
    else if (lost.frames != 0)
        hv_snprintf(why, bytes, "%d frames are missing", (int)lost.frames);
    else if (lost.timers != 0)
        hv_snprintf(why, bytes, "%d timers of it are still armed", (int)lost.timers);
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

static struct {
    uint64_t start_ns, run_ns;
    uint32_t guests, longest_wait;
} share;

void suite_share_begin(bool greedy, uint32_t guests)
{
    struct guest *canary = suite_canary.guest;

    share.start_ns = arch_time_ns();
    share.guests = guests;
    suite_canary.greedy = greedy;
    if (!canary)
        return;
    share.run_ns = canary->vcpu->run_ns;
    canary->vcpu->longest_wait_ns = 0;
}

/* Which of it is too much and whether time is virtual, tools/run-suite knows. */
void suite_share_end(const char *name)
{
    const struct guest *canary = suite_canary.guest;
    uint32_t all = (uint32_t)(arch_time_ns() - share.start_ns), had, waited;

    if (!canary)
        return;
    had = (uint32_t)div64((canary->vcpu->run_ns - share.run_ns) * 1000, all ? all : 1, NULL);
    waited = (uint32_t)canary->vcpu->longest_wait_ns;
    share.longest_wait = hv_max_u32(waited, share.longest_wait);
    if (suite_canary.greedy)
        log_raw("# %s: the canary had %u of %u per mille and waited %u ns\n", name, had,
                1000 / share.guests, waited);
    else if (waited > WAIT_NS)
        log_raw("# %s: the canary waited %u ns\n", name, waited);
    suite_canary.greedy = false;
}

void suite_share_totals(void)
{
    log_raw("# longest wait of the canary: %u ns\n", share.longest_wait);
    share.longest_wait = 0;
}
