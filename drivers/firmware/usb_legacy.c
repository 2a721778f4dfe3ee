/* SPDX-License-Identifier: MIT */
/* USB controllers that the firmware works in system management mode.  They are
 * left to it, because they are the user's keyboard, and reported, because they
 * take time that nobody sees. */
#include "hv/firmware.h"

#include "hv/devmap.h"
#include "hv/log.h"
#include "hv/pci.h"

enum { UHCI = 0x00, OHCI = 0x10, EHCI = 0x20, XHCI = 0x30 }; /* programming interface */

/* UHCI design guide 1.1 section 5.2.1: trap and SMI enables. */
#define UHCI_LEGACY 0xc0u
#define UHCI_LEGACY_ENABLES 0x1fu

/* OHCI 1.0a 7.1.2 */
#define OHCI_CONTROL 0x04u
#define OHCI_INTERRUPT_ROUTING HV_BIT(8)

/* EHCI 1.0 section 2.2.4 and 5.1: the list is in configuration space. */
#define EHCI_HCCPARAMS 0x08u

/* xHCI 1.2 section 5.3.6 and 7.1: the list is in memory, in words of 4 bytes. */
#define XHCI_HCCPARAMS1 0x10u
#define XHCI_WINDOW HV_KIB(64)

#define CAPABILITY_LEGACY 1u
#define LEGACY_FIRMWARE_OWNS HV_BIT(16)
#define MAX_CAPABILITIES 64u

static HV_INIT_BSS struct {
    uint32_t functions, usb, usb_of_firmware;
} found;

/* Registers behind BAR 0, or NULL if it is no memory or not switched on. */
static HV_INIT volatile uint32_t *map_bar0(struct pci_address a, uint32_t bytes)
{
    uint32_t low = pci_read32(a, PCI_BAR0);
    uint64_t base = low & ~15u;

    if ((low & 1) || !(pci_read32(a, PCI_COMMAND) & PCI_COMMAND_MEMORY))
        return NULL;
    if ((low >> 1 & 3) == 2)
        base |= (uint64_t)pci_read32(a, PCI_BAR0 + 4) << 32;
    return base != 0 ? arch_map_device(HPA(base), bytes) : NULL;
}

static HV_INIT bool firmware_works_ohci(struct pci_address a)
{
    volatile uint32_t *r = map_bar0(a, HV_PAGE_SIZE);

    return r != NULL && (r[OHCI_CONTROL / 4] & OHCI_INTERRUPT_ROUTING);
}

static HV_INIT bool firmware_works_ehci(struct pci_address a)
{
    volatile uint32_t *r = map_bar0(a, HV_PAGE_SIZE);
    uint32_t at = r != NULL ? r[EHCI_HCCPARAMS / 4] >> 8 & 0xfc : 0;

    for (uint32_t i = 0; at >= 0x40 && i < MAX_CAPABILITIES; i++) {
        uint32_t c = pci_read32(a, at);

        if ((c & 0xff) == CAPABILITY_LEGACY)
            return (c & LEGACY_FIRMWARE_OWNS) != 0;
        at = c >> 8 & 0xfc;
    }
    return false;
}

static HV_INIT bool firmware_works_xhci(struct pci_address a)
{
    volatile uint32_t *r = map_bar0(a, XHCI_WINDOW);
    uint32_t at = r != NULL ? r[XHCI_HCCPARAMS1 / 4] >> 16 : 0;

    for (uint32_t i = 0; at != 0 && at < XHCI_WINDOW / 4 && i < MAX_CAPABILITIES; i++) {
        uint32_t c = r[at], next = c >> 8 & 0xff;

        if ((c & 0xff) == CAPABILITY_LEGACY)
            return (c & LEGACY_FIRMWARE_OWNS) != 0;
        if (next == 0)
            return false;
        at += next;
    }
    return false;
}

static HV_INIT bool firmware_works_usb(const struct pci_function *f)
{
    switch (f->prog_if) {
    case UHCI:
        return (pci_read32(f->at, UHCI_LEGACY) & UHCI_LEGACY_ENABLES) != 0;
    case OHCI:
        return firmware_works_ohci(f->at);
    case EHCI:
        return firmware_works_ehci(f->at);
    case XHCI:
        return firmware_works_xhci(f->at);
    default:
        return false;
    }
}

HV_INIT bool usb_legacy_look_at(const struct pci_function *f)
{
    bool works;

    found.functions++;
    log_debug("PCI: %02x:%02x.%u %04x:%04x class %02x%02x%02x", f->at.bus,
              f->at.device, f->at.function, f->vendor, f->device, f->class_code,
              f->subclass, f->prog_if);
    if (f->class_code != PCI_CLASS_SERIAL || f->subclass != PCI_SUBCLASS_USB)
        return false;
    works = firmware_works_usb(f);
    found.usb++;
    found.usb_of_firmware += works;
    return works;
}

HV_INIT void usb_legacy_report(void)
{
    log_debug("PCI: %u functions", found.functions);
    if (found.usb_of_firmware > 0)
        log_info("USB: %u controllers, of which the firmware works %u (as a PS/2 keyboard); "
                 "its interrupts cannot be seen or held off", found.usb,
                 found.usb_of_firmware);
    else if (found.usb > 0)
        log_info("USB: %u controllers, none worked by the firmware: no USB keyboard",
                 found.usb);
}
