/* SPDX-License-Identifier: MIT */
/* What firmware and loaders leave running, put in order before interrupts are set
 * up: a local APIC in x2APIC mode, which has no registers in memory and whose LINT0
 * may be masked, so that the 8259 would not get through; and devices that still
 * write to memory, such as the network card that a loader came over.  What is left
 * alone is said. */
#include "boot.h"
#include "leftovers.h"

#include "arch/cpu.h"
#include "arch/io.h"

/* ---- local APIC (SDM 3A 10.12) ---- */

#define APIC_BASE_EXTD HV_BIT(10)
#define APIC_BASE_EN HV_BIT(11)

/* In x2APIC mode a register at offset r of the page is MSR 0x800 + r / 16. */
#define X2APIC(r) ((msr_id_t){0x800 + (r) / 16})
#define APIC_EOI 0x0b0
#define APIC_SPURIOUS 0x0f0
#define APIC_LVT_TIMER 0x320
#define APIC_LINT0 0x350
#define APIC_LINT1 0x360
#define SPURIOUS_ENABLE_FF 0x1ff
#define LVT_MASKED HV_BIT(16)
#define LVT_NMI (4u << 8)
#define LVT_EXTINT (7u << 8)

/* The firmware has locked the mode: at least the 8259 gets through. */
static HV_INIT void wire_x2apic(void)
{
    bool good = cpu_wrmsr_safe(X2APIC(APIC_SPURIOUS), SPURIOUS_ENABLE_FF);

    good &= cpu_wrmsr_safe(X2APIC(APIC_LVT_TIMER), LVT_MASKED);
    good &= cpu_wrmsr_safe(X2APIC(APIC_LINT0), LVT_EXTINT);
    good &= cpu_wrmsr_safe(X2APIC(APIC_LINT1), LVT_NMI);
    good &= cpu_wrmsr_safe(X2APIC(APIC_EOI), 0);
    log_warn("firmware: the local APIC is locked in x2APIC mode, %s",
             good ? "the PIT is the timer" : "and does not take interrupts");
}

/* Only by way of "disabled", which resets the APIC (section 10.12.5). */
HV_INIT void boot_leave_x2apic(void)
{
    uint64_t base;

    if (!cpu_features.apic || !cpu_features.x2apic ||
        !cpu_rdmsr_safe(MSR_APIC_BASE, &base) || !(base & APIC_BASE_EXTD))
        return;
    base &= ~(uint64_t)(APIC_BASE_EXTD | APIC_BASE_EN);
    if (!cpu_wrmsr_safe(MSR_APIC_BASE, base)) {
        wire_x2apic();
        return;
    }
    /* Some stay off until the next reset (section 10.4.3), which does no harm: INTR
     * and NMI are then the CPU's own pins. */
    if (cpu_wrmsr_safe(MSR_APIC_BASE, base | APIC_BASE_EN) &&
        cpu_rdmsr_safe(MSR_APIC_BASE, &base) && (base & APIC_BASE_EN))
        log_info("firmware: the local APIC was in x2APIC mode, now xAPIC");
    else
        log_info("firmware: the local APIC was in x2APIC mode and is off now");
}

/* ---- bus masters (PCI 3.0, chapter 6) ---- */

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA 0xcfcu
#define ADDRESS_ENABLE HV_BIT(31)

enum {
    PCI_ID = 0x00,
    PCI_COMMAND = 0x04,
    PCI_CLASS = 0x08,
    PCI_HEADER = 0x0c,

    COMMAND_MASTER = 1 << 2,
    HEADER_MULTI = 1 << 23,
    HEADER_TYPE_SHIFT = 16,
    HEADER_TYPE_MASK = 0x7f,

    CLASS_DISPLAY = 0x03,
    CLASS_BRIDGE = 0x06,
    CLASS_SERIAL_USB = 0x0c03,

    FUNCTIONS = 0x10000,
    LINES_MAX = 8,
};

static HV_INIT uint32_t config_read32(uint32_t bdf, uint32_t reg)
{
    io_out32(PORT_ADDRESS, ADDRESS_ENABLE | bdf << 8 | reg);
    return io_in32(PORT_DATA);
}

static HV_INIT void config_write16(uint32_t bdf, uint32_t reg, uint16_t v)
{
    io_out32(PORT_ADDRESS, ADDRESS_ENABLE | bdf << 8 | (reg & ~3u));
    io_out16((uint16_t)(PORT_DATA + (reg & 2)), v);
}

/* Configuration mechanism 1: the address register holds what is written. */
static HV_INIT bool has_pci(void)
{
    uint32_t old = io_in32(PORT_ADDRESS);
    bool there;

    io_out32(PORT_ADDRESS, ADDRESS_ENABLE);
    there = io_in32(PORT_ADDRESS) == ADDRESS_ENABLE;
    io_out32(PORT_ADDRESS, old);
    return there;
}

static HV_INIT void stop_master(const struct pci_config_ops *ops,
                                struct pci_masters *m, uint32_t bdf)
{
    uint32_t class = ops->read32(bdf, PCI_CLASS) >> 16;
    uint32_t header = ops->read32(bdf, PCI_HEADER) >> HEADER_TYPE_SHIFT;
    uint32_t command = ops->read32(bdf, PCI_COMMAND), id;

    if (class == CLASS_SERIAL_USB) {
        m->usb++;
        return;
    }
    if (!(command & COMMAND_MASTER) || (header & HEADER_TYPE_MASK) != 0 ||
        class >> 8 == CLASS_BRIDGE || class >> 8 == CLASS_DISPLAY)
        return;
    /* The status register above would be cleared by writing back what it shows. */
    ops->write16(bdf, PCI_COMMAND, (uint16_t)(command & ~(uint32_t)COMMAND_MASTER));
    id = ops->read32(bdf, PCI_ID);
    if (m->stopped++ < LINES_MAX)
        log_info("firmware: %02x:%02x.%x (%04x:%04x, class %04x) could write to "
                 "memory, stopped", bdf >> 8, bdf >> 3 & 31, bdf & 7, id & 0xffff,
                 id >> 16, class);
}

HV_INIT void pci_stop_masters(const struct pci_config_ops *ops,
                              struct pci_masters *m)
{
    bool multi = false;

    *m = (struct pci_masters){0};
    for (uint32_t bdf = 0; bdf < FUNCTIONS; bdf++) {
        bool first = (bdf & 7) == 0;

        if (!first && !multi)
            continue;
        if ((ops->read32(bdf, PCI_ID) & 0xffff) == 0xffff) {
            multi &= !first; /* without function 0 there are no others */
            continue;
        }
        if (first)
            multi = (ops->read32(bdf, PCI_HEADER) & HEADER_MULTI) != 0;
        stop_master(ops, m, bdf);
    }
}

HV_INIT void boot_stop_leftovers(void)
{
    static const struct pci_config_ops ops = {config_read32, config_write16};
    struct pci_masters m;

    boot_leave_x2apic();
    if (!has_pci())
        return;
    pci_stop_masters(&ops, &m);
    if (m.stopped > LINES_MAX)
        log_info("firmware: and %u devices more", m.stopped - LINES_MAX);
}
