/* SPDX-License-Identifier: MIT */
/* Private to boot/leftovers.c and its host test: the parts of boot_stop_leftovers().
 * PCI configuration space is behind two functions, so that the walk runs on a machine
 * of arrays too. */
#pragma once

#include "hv/types.h"

/* bdf is bus << 8 | device << 3 | function (PCI 3.0, section 3.2.2.3.2). */
struct pci_config_ops {
    uint32_t (*read32)(uint32_t bdf, uint32_t reg);
    void (*write16)(uint32_t bdf, uint32_t reg, uint16_t v);
};

struct pci_masters {
    uint32_t stopped; /* switched off, one line each up to a limit */
    uint32_t usb;     /* USB controllers, left to the firmware */
};

/* Takes the right to write to memory from every device but bridges, screens and
 * USB controllers. */
void pci_stop_masters(const struct pci_config_ops *ops, struct pci_masters *m);

/* From x2APIC to xAPIC mode; where the firmware has locked that, LINT0 is opened for
 * the 8259. After cpu_detect(); MSR accesses may fault. */
void boot_leave_x2apic(void);
