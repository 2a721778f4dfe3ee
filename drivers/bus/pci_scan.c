/* SPDX-License-Identifier: MIT */
/* The walk over all PCI functions (PCI 3.0 section 6.1).  A device without a function
 * 0 has no others, whatever answers there. */
#include "hv/pci.h"

#define BUSES 256u
#define DEVICES 32u
#define FUNCTIONS 8u

#define REG_ID 0x00u
#define REG_CLASS 0x08u
#define REG_HEADER 0x0cu
#define NO_DEVICE 0xffffu

/* False if nothing answers there. */
static HV_INIT bool probe(struct pci_address a, struct pci_function *f)
{
    uint32_t id = pci_read32(a, REG_ID), class;

    if ((id & 0xffff) == NO_DEVICE)
        return false;
    class = pci_read32(a, REG_CLASS);
    *f = (struct pci_function){
        .at = a,
        .vendor = (uint16_t)id,
        .device = (uint16_t)(id >> 16),
        .class_code = (uint8_t)(class >> 24),
        .subclass = (uint8_t)(class >> 16),
        .prog_if = (uint8_t)(class >> 8),
        .header = (uint8_t)(pci_read32(a, REG_HEADER) >> 16),
    };
    return true;
}

static HV_INIT void scan_device(uint32_t bus, uint32_t device,
                                void (*each)(const struct pci_function *f))
{
    uint32_t functions = 1;
    struct pci_function f;

    for (uint32_t i = 0; i < functions; i++) {
        struct pci_address a = {(uint8_t)bus, (uint8_t)device, (uint8_t)i};

        if (!probe(a, &f))
            continue;
        if (i == 0 && (f.header & PCI_HEADER_MULTI))
            functions = FUNCTIONS;
        each(&f);
    }
}

HV_INIT void pci_scan(void (*each)(const struct pci_function *f))
{
    if (!pci_present())
        return;
    for (uint32_t i = 0; i < BUSES * DEVICES; i++)
        scan_device(i / DEVICES, i % DEVICES, each);
}
