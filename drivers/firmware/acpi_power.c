/* SPDX-License-Identifier: MIT */
/* Off and reset as the ACPI tables say (ACPI 6.4 4.8.3, 16.1.6, 4.8.3.6).  What
 * an interpreter would run first (\_PTS, \_TTS) is left out: they prepare the
 * firmware for a return that soft-off does not have.  Every wait is bounded. */
#include "hv/firmware.h"

#include "arch/io.h"
#include "hv/pci.h"

#define PM1_WAKE_STATUS HV_BIT(15)
#define PM1_SCI_ENABLE HV_BIT(0)
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_TYPE_MASK (7u << PM1_SLEEP_TYPE_SHIFT)
#define PM1_SLEEP_ENABLE HV_BIT(13)
#define SLEEP_CONTROL_TYPE_SHIFT 2
#define SLEEP_CONTROL_ENABLE HV_BIT(5)

/* Accesses to the bus of about a microsecond each. */
#define WAIT_ACPI_MODE 1000000u
#define WAIT_EFFECT 200000u

#define BOOT_ARCH_SINCE 3 /* FADT revision that has the flags */

static void wait_for_effect(void)
{
    for (uint32_t i = 0; i < WAIT_EFFECT; i++)
        io_delay();
}

static uint16_t read16(const struct acpi_reg *r)
{
    if (r->space == ACPI_IO)
        return io_in16((uint16_t)r->address);
    return *(volatile uint16_t *)r->mapped;
}

static void write16(const struct acpi_reg *r, uint32_t v)
{
    if (r->space == ACPI_IO)
        io_out16((uint16_t)r->address, (uint16_t)v);
    else
        *(volatile uint16_t *)r->mapped = (uint16_t)v;
}

static void write8(const struct acpi_reg *r, uint8_t v)
{
    /* Bus 0: device in bits 32 to 47, function in 16 to 31, offset below (5.2.3.2). */
    const struct pci_address pci = {0, r->address >> 32 & 31, r->address >> 16 & 7};

    if (r->space == ACPI_IO)
        io_out8((uint16_t)r->address, v);
    else if (r->space == ACPI_PCI)
        pci_write8(pci, (uint32_t)r->address & 0xff, v);
    else
        *(volatile uint8_t *)r->mapped = v;
}

/* The sleep bits do nothing while the hardware is in legacy mode (4.8.2.5). */
static void enter_acpi_mode(const struct acpi_info *a)
{
    if (a->smi_command == 0 || a->acpi_enable == 0
        || (read16(&a->pm1_control[0]) & PM1_SCI_ENABLE))
        return;
    io_out8(a->smi_command, a->acpi_enable);
    for (uint32_t i = 0; i < WAIT_ACPI_MODE; i++) {
        if (read16(&a->pm1_control[0]) & PM1_SCI_ENABLE)
            return;
        io_delay();
    }
}

static void sleep_by_pm1(const struct acpi_info *a)
{
    uint32_t value[2] = {0, 0};

    if (a->pm1_control[0].address == 0)
        return;
    enter_acpi_mode(a);
    for (uint32_t i = 0; i < 2; i++) {
        if (a->pm1_event[i].address != 0)
            write16(&a->pm1_event[i], PM1_WAKE_STATUS);
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (a->pm1_control[i].address == 0)
            continue;
        value[i] = read16(&a->pm1_control[i])
            & ~(PM1_SLEEP_TYPE_MASK | PM1_SLEEP_ENABLE);
        value[i] |= (uint32_t)a->s5_type[i] << PM1_SLEEP_TYPE_SHIFT;
        write16(&a->pm1_control[i], value[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (a->pm1_control[i].address != 0)
            write16(&a->pm1_control[i], value[i] | PM1_SLEEP_ENABLE);
    }
}

void acpi_poweroff(void)
{
    const struct acpi_info *a = &acpi_info;

    if (!a->has_s5)
        return;
    if (!(a->fadt_flags & FADT_HW_REDUCED))
        sleep_by_pm1(a);
    else if (a->sleep_control.address != 0)
        write8(&a->sleep_control,
               (uint8_t)((uint32_t)a->s5_type[0] << SLEEP_CONTROL_TYPE_SHIFT
                     | SLEEP_CONTROL_ENABLE));
    wait_for_effect();
}

void acpi_reset(void)
{
    if (acpi_info.reset.address == 0)
        return;
    write8(&acpi_info.reset, acpi_info.reset_value);
    wait_for_effect();
}

bool acpi_has_8042(void)
{
    return !acpi_info.has_fadt || acpi_info.fadt_revision < BOOT_ARCH_SINCE
        || (acpi_info.boot_arch & FADT_ARCH_8042);
}
