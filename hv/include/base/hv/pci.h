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
    uint8_t header; /* its type, and PCI_HEADER_MULTI */
};

#define PCI_HEADER_MULTI 0x80u /* of function 0: there are others */

#define PCI_COMMAND 0x04u
#define PCI_COMMAND_MEMORY HV_BIT(1)
#define PCI_COMMAND_MASTER HV_BIT(2)
#define PCI_BAR0 0x10u

#define PCI_CLASS_DISPLAY 0x03u
#define PCI_CLASS_BRIDGE 0x06u
#define PCI_CLASS_SERIAL 0x0cu
#define PCI_SUBCLASS_USB 0x03u

/* offset is a multiple of 4 below 256. */
uint32_t pci_read32(struct pci_address a, uint32_t offset);
/* offset is a multiple of 2 below 256. */
void pci_write16(struct pci_address a, uint32_t offset, uint16_t value);
void pci_write8(struct pci_address a, uint32_t offset, uint8_t value);

/* True if the machine has a PCI that these reach. */
bool pci_present(void);

/* Calls each() for every function on every bus; 0 calls if there is no PCI. Looks
 * at all 256 buses, so that no bridge has to be believed. */
void pci_scan(void (*each)(const struct pci_function *f));
