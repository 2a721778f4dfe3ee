/* SPDX-License-Identifier: MIT */
/* PCI configuration mechanism 1.  The two ports are a pair that nobody may come
 * between: called with interrupts off, on one CPU at a time. */
#include "hv/pci.h"

#include "arch/io.h"
#include "hv/assert.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA 0xcfcu
#define ENABLE HV_BIT(31)

static void select_register(struct pci_address a, uint32_t offset)
{
    io_out32(PORT_ADDRESS, ENABLE | (uint32_t)a.bus << 16 | (uint32_t)a.device << 11
             | (uint32_t)a.function << 8 | (offset & 0xfc));
}

uint32_t pci_read32(struct pci_address a, uint32_t offset)
{
    hv_assert(offset < 256 && offset % 4 == 0);
    select_register(a, offset);
    return io_in32(PORT_DATA);
}

void pci_write16(struct pci_address a, uint32_t offset, uint16_t value)
{
    select_register(a, offset);
    io_out16((uint16_t)(PORT_DATA + (offset & 2)), value);
}

void pci_write8(struct pci_address a, uint32_t offset, uint8_t value)
{
    select_register(a, offset);
    io_out8((uint16_t)(PORT_DATA + (offset & 3)), value);
}

/* The address register reads back what was written, an empty bus does not. */
HV_INIT bool pci_present(void)
{
    uint32_t before = io_in32(PORT_ADDRESS);
    bool ok;

    io_out32(PORT_ADDRESS, ENABLE);
    ok = io_in32(PORT_ADDRESS) == ENABLE;
    io_out32(PORT_ADDRESS, before);
    return ok;
}
