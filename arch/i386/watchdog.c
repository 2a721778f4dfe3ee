/* SPDX-License-Identifier: MIT */
/* The watchdog.  While a guest runs or the CPU idles, interrupts are open and
 * all is well; the monitor itself has to count percpu.progress or the exits of its
 * vCPU up.  If an NMI finds it inside the monitor with interrupts closed and the
 * counts where they were, for longer than watchdog= says, it prints where.  The NMI comes from a
 * performance counter that counts unhalted cycles, or from the PIT by way of an
 * I/O APIC pin; each is tried at boot and believed only if one arrives. */
#include "arch/watchdog.h"

#include "arch/cpu.h"
#include "arch/nmi.h"
#include "arch/regs.h"
#include "arch/time.h"
#include "hv/arch_if.h"
#include "hv/cmdline.h"
#include "hv/driver.h"
#include "hv/firmware.h"
#include "hv/log.h"
#include "hv/panic.h"
#include "hv/percpu.h"

/* IA32_PERFEVTSEL0: unhalted core cycles, all rings, APIC interrupt, enabled
 * (SDM 3B 19.2.1.1). */
#define PERFEVTSEL_CYCLES (0x3cu | HV_BIT(16) | HV_BIT(17) | HV_BIT(20) | HV_BIT(22))
#define RTE_NMI (4u << 8) /* edge, active high, physical destination */

/* A write to a counter is sign-extended from 31 bits (SDM 3B 19.2.3). */
#define PERF_PERIOD_MAX 0x7fffffffu

#define PROBE_NS 20000000u
#define PROBE_CYCLES 50000u
#define PROBE_PIT_TICKS 1193u
#define PIT_PERIOD_MS 55u

enum source { SOURCE_NONE, SOURCE_PERF, SOURCE_PIT };

static struct {
    enum source source;
    uint32_t cycles;    /* of one period, SOURCE_PERF */
    uint32_t period_ms;
    uint32_t limit_ms;
    uint32_t pit_ticks; /* of one period, SOURCE_PIT; 65536 is 0 */
    bool stopped;       /* the last NMI under way is still taken, and no other armed */
} dog;

/* ---- the sources ---- */

static void perf_rearm(void)
{
    cpu_wrmsr(MSR_PERFCTR0, (uint64_t)(0u - dog.cycles));
    if (cpu_features.perfmon_version >= 2)
        cpu_wrmsr(MSR_PERF_GLOBAL_OVF, 1);
    lapic_lvt_write(LAPIC_LVT_PERF, LVT_NMI); /* delivery has masked it */
}

/* The counter has passed zero: its top bit is clear until it is armed again. */
static bool perf_fired(void)
{
    return (cpu_rdmsr(MSR_PERFCTR0) & HV_BIT(31)) == 0;
}

/* Returns true if one NMI came. Interrupts are off, so nothing else comes. */
static HV_INIT bool nmi_arrives(void)
{
    uint32_t before = this_cpu()->nmi_count;
    uint64_t end = arch_time_ns() + PROBE_NS;

    while (arch_time_ns() < end) {
        if (this_cpu()->nmi_count != before)
            return true;
    }
    return false;
}

static HV_INIT bool try_perf(void)
{
    if (cpu_features.perfmon_version == 0 || cpu_features.perfmon_counters == 0
        || cpu_features.perfmon_width < 32 || !lapic_present()
        || arch_tsc_khz() == 0)
        return false;
    dog.source = SOURCE_PERF;
    dog.cycles = PROBE_CYCLES;
    if (!cpu_wrmsr_safe(MSR_PERFEVTSEL0, PERFEVTSEL_CYCLES))
        return false;
    if (cpu_features.perfmon_version >= 2
        && !cpu_wrmsr_safe(MSR_PERF_GLOBAL_CTRL, 1))
        return false;
    perf_rearm();
    if (nmi_arrives()) {
        dog.cycles = PERF_PERIOD_MAX / 1000 < arch_tsc_khz()
            ? PERF_PERIOD_MAX : arch_tsc_khz() * 1000;
        dog.period_ms = dog.cycles / arch_tsc_khz();
        perf_rearm();
        return true;
    }
    lapic_lvt_write(LAPIC_LVT_PERF, LVT_MASKED);
    cpu_wrmsr(MSR_PERFEVTSEL0, 0);
    return false;
}

/* On the pin that carries IRQ 0: 2 by convention, 0 on some boards. */
static HV_INIT bool try_pin(uint32_t pin)
{
    uint64_t before = ioapic_pin_read(pin);

    dog.source = SOURCE_PIT;
    dog.pit_ticks = PROBE_PIT_TICKS;
    ioapic_pin_write(pin, (uint64_t)lapic_id() << 56 | RTE_NMI);
    pit_oneshot(PROBE_PIT_TICKS);
    if (nmi_arrives()) {
        dog.pit_ticks = 0;
        dog.period_ms = PIT_PERIOD_MS;
        return true;
    }
    pit_stop();
    ioapic_pin_write(pin, before);
    return false;
}

/* Only where the PIT is not the timer: without a LAPIC it is, and there would
 * be nobody to take the NMI either. */
static HV_INIT bool try_pit(void)
{
    uint32_t base;

    if (!lapic_present() || arch_timer_uses_irq0())
        return false;
    base = acpi_info.nr_ioapics > 0 ? acpi_info.ioapic[0].base : IOAPIC_PHYSICAL_BASE;
    if (ioapic_init(arch_map_device(HPA(base), 32)) == 0)
        return false;
    return try_pin(2) || try_pin(0);
}

HV_INIT void watchdog_init(void)
{
    static const char *const names[] = {"", "performance counter",
                                        "PIT through the I/O APIC"};

    if (hv_options.watchdog_s == 0)
        return;
    if (!try_perf() && !try_pit()) {
        dog.source = SOURCE_NONE;
        log_info("watchdog: this machine has no source of NMIs for it");
        return;
    }
    dog.limit_ms = hv_options.watchdog_s * 1000;
    this_cpu()->watched_progress = this_cpu()->progress;
    log_debug("watchdog: %u s, %s", hv_options.watchdog_s, names[dog.source]);
}

void watchdog_stop(void)
{
    dog.stopped = true;
    if (dog.source == SOURCE_PERF) {
        lapic_lvt_write(LAPIC_LVT_PERF, LVT_MASKED);
        cpu_wrmsr(MSR_PERFEVTSEL0, 0);
    } else if (dog.source == SOURCE_PIT) {
        pit_stop();
    }
}

/* ---- every NMI ---- */

/* True if the monitor has been seen to work, or to be allowed to wait. */
static bool is_fine(const struct trap_frame *tf)
{
    uint32_t now = hv_progress();
    bool moved = now != this_cpu()->watched_progress;

    this_cpu()->watched_progress = now;
    return moved || tf == NULL || (tf->eflags & EFLAGS_IF) != 0;
}

static void look(const struct trap_frame *tf)
{
    if (dog.limit_ms == 0 || dog.stopped)
        return; /* still probing, or nothing is left to guard */
    if (is_fine(tf)) {
        this_cpu()->still_ms = 0;
        return;
    }
    this_cpu()->still_ms += dog.period_ms;
    if (this_cpu()->still_ms < dog.limit_ms)
        return;
    this_cpu()->still_ms = 0;
    log_emergency("watchdog: CPU %u has made no progress for %u s, it is at",
                  arch_cpu_index(), dog.limit_ms / 1000);
    hv_backtrace(tf->ebp, tf->eip);
}

bool watchdog_nmi(const struct trap_frame *tf)
{
    switch (dog.source) {
    case SOURCE_PERF:
        if (!perf_fired())
            return false;
        if (!dog.stopped)
            perf_rearm();
        break;
    case SOURCE_PIT:
        if (!dog.stopped)
            pit_oneshot((uint16_t)dog.pit_ticks);
        break;
    default:
        return false;
    }
    look(tf);
    return dog.source == SOURCE_PERF;
}
