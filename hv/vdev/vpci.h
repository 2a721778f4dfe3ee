/* SPDX-License-Identifier: MIT */
/* virtio-pci: the configuration space that the ports reach (pciconf.c) and the
 * registers behind BAR0 (vpci.c).  Two ways lead to the same registers: the
 * PCI_CFG window now, MMIO decoding later. */
#pragma once

#include "hv/types.h"

struct vdev;
struct vdev_set;

#define VDEV_MAX_QUEUES 2u

/* Registers of one virtio-pci function: its BAR0 (ABI 10b). */
struct vpci_queue {
    uint16_t size, enable;
    uint32_t addr[6]; /* desc lo, hi, avail lo, hi, used lo, hi */
};

struct vpci {
    struct vdev *dev;
    uint64_t device_features, driver_features;
    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select;
    uint8_t status, isr;
    struct vpci_queue queue[VDEV_MAX_QUEUES];
};

#define PCICONF_BYTES 0x98u /* of the configuration space of a function */

struct pciconf {
    uint32_t address;             /* 0xCF8 */
    uint8_t space[PCICONF_BYTES]; /* of 00:01.0 */
};

void pciconf_create(struct vdev_set *s);

void vpci_create(struct vpci *p, struct vdev *d);
/* Accesses of BAR0 by width 1, 2 or 4; what is no register reads 0 and
 * swallows writes. */
uint32_t vpci_read(struct vpci *p, uint32_t offset, uint32_t width);
void vpci_write(struct vpci *p, uint32_t offset, uint32_t width,
                uint32_t value);
/* Sets an ISR bit and raises the function's line. */
void vpci_interrupt(struct vpci *p, uint8_t isr_bit);

/* Registers of BAR0 that the capability list names. */
#define VPCI_NOTIFY 0x38u
#define VPCI_ISR 0x3au
#define VPCI_CONFIG 0x3cu /* of the device, and its size */
#define VPCI_CONFIG_BYTES 12u
#define VPCI_BAR_BYTES 128u
#define VPCI_ISR_QUEUE 1u
#define VPCI_ISR_CONFIG 2u
#define VPCI_IRQ 1u /* of 00:01.0 */
