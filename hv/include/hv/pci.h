/* SPDX-License-Identifier: MIT */
/* Configuration space of the machine's PCI functions (PCI 3.0 section 3.2.2.3.2),
 * by ports 0xcf8 and 0xcfc.  What guests see as PCI is hv/vdev's. */
#pragma once

#include "hv/types.h"

struct pci_address {
    uint8_t bus, device, function;
};

struct pci_function {
    struct pci_address at;
    uint16_t vendor, device;
    uint8_t class_code, subclass, prog_if;
};

#define PCI_COMMAND 0x04u
#define PCI_COMMAND_MEMORY HV_BIT(1)
#define PCI_BAR0 0x10u

#define PCI_CLASS_SERIAL 0x0cu
#define PCI_SUBCLASS_USB 0x03u

/* offset is a multiple of 4 below 256. */
uint32_t pci_read32(struct pci_address a, uint32_t offset);

/* Calls each() for every function on every bus; 0 calls if there is no PCI. Looks
 * at all 256 buses, so that no bridge has to be believed. */
void pci_scan(void (*each)(const struct pci_function *f));
