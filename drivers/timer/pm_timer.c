/* SPDX-License-Identifier: MIT */
/* The ACPI power management timer (ACPI 6.4 4.8.3.3): 24 bits at three times the
 * PIT's rate, in every chipset since 1997 but those that the tables call "hardware
 * reduced".  Some of the first are read wrongly while they change. */
#include "hv/driver.h"

#include "arch/io.h"
#include "hv/firmware.h"

#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu /* some have 32 bits */
#define READS 4u
#define CLOSE 4096u /* ticks, 1.1 ms */

static uint32_t read_once(void)
{
    const struct acpi_reg *r = &acpi_info.pm_timer;

    if (r->space == ACPI_IO)
        return io_in32((uint16_t)r->address);
    return *(volatile uint32_t *)r->mapped;
}

static uint32_t pm_timer_read(void)
{
    uint32_t before = read_once(), now = before;

    for (uint32_t i = 0; i < READS; i++) {
        now = read_once();
        if (((now - before) & PM_TIMER_MASK) < CLOSE)
            break;
        before = now;
    }
    return now & PM_TIMER_MASK;
}

HV_INIT const struct ref_clock *pm_timer_clock(void)
{
    static const struct ref_clock clock = {"PM timer", PM_TIMER_HZ, PM_TIMER_MASK,
                                           pm_timer_read};

    return acpi_info.pm_timer.address != 0 ? &clock : NULL;
}
