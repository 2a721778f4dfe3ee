/* SPDX-License-Identifier: MIT */
/* The local APIC in xAPIC mode (SDM 3A chapter 10): timer and error
 * reports.  The 8259 stays the interrupt controller for ISA lines and comes in
 * through LINT0 (virtual wire mode). */
#include "hv/driver.h"

#include "arch/cpu.h"

#define APIC_BASE_MASK 0x0000000ffffff000ull

enum lapic_reg {
    REG_ID = 0x020,
    REG_VERSION = 0x030,
    REG_TPR = 0x080,
    REG_EOI = 0x0b0,
    REG_SPURIOUS = 0x0f0,
    REG_ESR = 0x280,
    REG_LVT_TIMER = 0x320,
    REG_LVT_ERROR = 0x370,
    REG_TIMER_INITIAL = 0x380,
    REG_TIMER_CURRENT = 0x390,
    REG_TIMER_DIVIDE = 0x3e0,
};

#define SPURIOUS_ENABLE HV_BIT(8)
#define DIVIDE_BY_2 0u

static volatile uint32_t *lapic_regs;
static bool enabled;
static uint32_t timer_lvt; /* as last written: one uncached write less */

static uint32_t lapic_read(uint32_t reg)
{
    return lapic_regs[reg / 4];
}

static void lapic_write(uint32_t reg, uint32_t value)
{
    lapic_regs[reg / 4] = value;
}

HV_INIT uint64_t lapic_physical_base(void)
{
    uint64_t base;

    if (!cpu_features.apic || !cpu_rdmsr_safe(MSR_APIC_BASE, &base))
        return 0;
    /* Firmware that switched it off had its reasons; one in x2APIC mode has no
     * registers in memory. The PIT and the 8259 do as well. */
    if ((base & APIC_BASE_ENABLE) == 0 || (base & APIC_BASE_X2APIC) != 0)
        return 0;
    return base & APIC_BASE_MASK;
}

bool lapic_present(void)
{
    return enabled;
}

HV_INIT bool lapic_init(volatile uint32_t *regs, uint8_t spurious_vector,
                        uint8_t error_vector)
{
    uint32_t version;

    lapic_regs = regs;
    if (regs == NULL)
        return false;
    version = lapic_read(REG_VERSION);
    /* The integrated APIC has versions 0x10 to 0x1f; an empty bus reads ones. */
    if ((version & 0xff) < 0x10 || version == UINT32_MAX)
        return false;
    lapic_write(REG_TPR, 0);
    timer_lvt = LVT_MASKED;
    lapic_write(REG_LVT_TIMER, timer_lvt);
    lapic_write(REG_TIMER_INITIAL, 0);
    lapic_write(REG_TIMER_DIVIDE, DIVIDE_BY_2);
    lapic_write(REG_SPURIOUS, SPURIOUS_ENABLE | spurious_vector);
    lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
    lapic_write(LAPIC_LVT_LINT1, LVT_NMI);
    if (((version >> 16) & 0xff) >= 4)
        lapic_write(LAPIC_LVT_PERF, LVT_MASKED);
    (void)lapic_read_error();
    lapic_write(REG_LVT_ERROR, error_vector);
    lapic_write(REG_EOI, 0);
    enabled = true;
    return true;
}

uint32_t lapic_id(void)
{
    return enabled ? lapic_read(REG_ID) >> 24 : 0;
}

void lapic_eoi(void)
{
    lapic_write(REG_EOI, 0);
}

void lapic_timer_oneshot(uint8_t vector, uint32_t ticks, bool nmi)
{
    uint32_t lvt = nmi ? LVT_NMI : vector;

    if (lvt != timer_lvt) {
        timer_lvt = lvt;
        lapic_write(REG_LVT_TIMER, lvt);
    }
    lapic_write(REG_TIMER_INITIAL, ticks);
}

uint32_t lapic_timer_current(void)
{
    return lapic_read(REG_TIMER_CURRENT);
}

void lapic_timer_stop(void)
{
    lapic_write(REG_TIMER_INITIAL, 0);
}

/* The ESR has to be written before it is read (SDM 3A 10.5.3). */
uint32_t lapic_read_error(void)
{
    lapic_write(REG_ESR, 0);
    return lapic_read(REG_ESR);
}

void lapic_lvt_write(enum lapic_lvt which, uint32_t value)
{
    lapic_write((uint32_t)which, value);
}
