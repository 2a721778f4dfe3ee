/* SPDX-License-Identifier: MIT */
/* What firmware and loaders leave running, put in order before interrupts are set
 * up: a local APIC in x2APIC mode, which has no registers in memory and whose LINT0
 * may be masked, so that the 8259 would not get through; and devices that still
 * write to memory, such as the network card that a loader came over.  What is left
 * alone is said. */
#include "boot.h"
#include "leftovers.h"

#include "arch/cpu.h"
#include "hv/driver.h"
#include "hv/firmware.h"
#include "hv/pci.h"

/* ---- local APIC (SDM 3A 10.12) ---- */

/* In x2APIC mode a register at offset r of the page is MSR 0x800 + r / 16. */
#define X2APIC(r) ((msr_id_t){0x800 + (r) / 16})
#define APIC_EOI 0x0b0
#define APIC_SPURIOUS 0x0f0
#define APIC_LVT_TIMER 0x320
#define SPURIOUS_ENABLE_FF 0x1ff

/* The firmware has locked the mode: at least the 8259 gets through. */
static HV_INIT void wire_x2apic(void)
{
    bool good = cpu_wrmsr_safe(X2APIC(APIC_SPURIOUS), SPURIOUS_ENABLE_FF);

    good &= cpu_wrmsr_safe(X2APIC(APIC_LVT_TIMER), LVT_MASKED);
    good &= cpu_wrmsr_safe(X2APIC(LAPIC_LVT_LINT0), LVT_EXTINT);
    good &= cpu_wrmsr_safe(X2APIC(LAPIC_LVT_LINT1), LVT_NMI);
    good &= cpu_wrmsr_safe(X2APIC(APIC_EOI), 0);
    log_warn("firmware: the local APIC is locked in x2APIC mode, %s",
             good ? "the PIT is the timer" : "and does not take interrupts");
}

/* Only by way of "disabled", which resets the APIC (section 10.12.5). */
HV_INIT void boot_leave_x2apic(void)
{
    uint64_t base;

    if (!cpu_features.apic || !cpu_features.x2apic ||
        !cpu_rdmsr_safe(MSR_APIC_BASE, &base) || !(base & APIC_BASE_X2APIC))
        return;
    base &= ~(uint64_t)(APIC_BASE_X2APIC | APIC_BASE_ENABLE);
    if (!cpu_wrmsr_safe(MSR_APIC_BASE, base)) {
        wire_x2apic();
        return;
    }
    /* Some stay off until the next reset (section 10.4.3), which does no harm: INTR
     * and NMI are then the CPU's own pins. */
    if (cpu_wrmsr_safe(MSR_APIC_BASE, base | APIC_BASE_ENABLE) &&
        cpu_rdmsr_safe(MSR_APIC_BASE, &base) && (base & APIC_BASE_ENABLE))
        log_info("firmware: the local APIC was in x2APIC mode, now xAPIC");
    else
        log_info("firmware: the local APIC was in x2APIC mode and is off now");
}

/* ---- bus masters (PCI 3.0, chapter 6) ---- */

#define LINES_MAX 8u

static HV_INIT_BSS uint32_t nr_stopped;

static HV_INIT void stop_master(const struct pci_function *f)
{
    uint32_t command;

    if (usb_legacy_look_at(f) ||
        f->class_code == PCI_CLASS_BRIDGE || f->class_code == PCI_CLASS_DISPLAY ||
        (f->header & ~PCI_HEADER_MULTI) != 0)
        return;
    command = pci_read32(f->at, PCI_COMMAND);
    if (!(command & PCI_COMMAND_MASTER))
        return;
    /* The status register above would be cleared by writing back what it shows. */
    pci_write16(f->at, PCI_COMMAND, (uint16_t)(command & ~PCI_COMMAND_MASTER));
    if (nr_stopped++ < LINES_MAX)
        log_info("firmware: %02x:%02x.%x (%04x:%04x, class %02x%02x) could write to "
                 "memory, stopped", f->at.bus, f->at.device, f->at.function, f->vendor,
                 f->device, f->class_code, f->subclass);
}

HV_INIT uint32_t boot_stop_masters(void)
{
    nr_stopped = 0;
    pci_scan(stop_master);
    if (nr_stopped > LINES_MAX)
        log_info("firmware: and %u devices more", nr_stopped - LINES_MAX);
    return nr_stopped;
}

HV_INIT void boot_stop_leftovers(void)
{
    boot_leave_x2apic();
    (void)boot_stop_masters();
    usb_legacy_report();
}
