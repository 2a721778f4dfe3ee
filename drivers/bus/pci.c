/* SPDX-License-Identifier: MIT */
/* PCI configuration mechanism 1.  The two ports are a pair that nobody may come
 * between: called with interrupts off, on one CPU at a time. */
#include "hv/pci.h"

#include "arch/io.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA 0xcfcu
#define ENABLE HV_BIT(31)

#define BUSES 256u
#define DEVICES 32u
#define FUNCTIONS 8u

#define REG_ID 0x00u
#define REG_CLASS 0x08u
#define REG_HEADER 0x0cu
#define HEADER_MULTI 0x80u
#define NO_DEVICE 0xffffu

static void select_register(struct pci_address a, uint32_t offset)
{
    io_out32(PORT_ADDRESS, ENABLE | (uint32_t)a.bus << 16 | (uint32_t)a.device << 11
             | (uint32_t)a.function << 8 | (offset & 0xfc));
}

uint32_t pci_read32(struct pci_address a, uint32_t offset)
{
    select_register(a, offset);
    return io_in32(PORT_DATA);
}

/* The address register reads back what was written, an empty bus does not. */
static HV_INIT bool has_mechanism_1(void)
{
    uint32_t before = io_in32(PORT_ADDRESS);
    bool ok;

    io_out32(PORT_ADDRESS, ENABLE);
    ok = io_in32(PORT_ADDRESS) == ENABLE;
    io_out32(PORT_ADDRESS, before);
    return ok;
}

/* Header type with the multi-function bit; false if nothing answers there. */
static HV_INIT bool probe(struct pci_address a, struct pci_function *f, uint32_t *header)
{
    uint32_t id = pci_read32(a, REG_ID), class;

    if ((id & 0xffff) == NO_DEVICE || id == 0)
        return false;
    class = pci_read32(a, REG_CLASS);
    *header = pci_read32(a, REG_HEADER) >> 16 & 0xff;
    *f = (struct pci_function){
        .at = a,
        .vendor = (uint16_t)id,
        .device = (uint16_t)(id >> 16),
        .class_code = (uint8_t)(class >> 24),
        .subclass = (uint8_t)(class >> 16),
        .prog_if = (uint8_t)(class >> 8),
    };
    return true;
}

static HV_INIT void scan_device(uint32_t bus, uint32_t device,
                                void (*each)(const struct pci_function *f))
{
    uint32_t functions = 1, header;
    struct pci_function f;

    for (uint32_t i = 0; i < functions; i++) {
        struct pci_address a = {(uint8_t)bus, (uint8_t)device, (uint8_t)i};

        if (!probe(a, &f, &header))
            continue;
        if (i == 0 && (header & HEADER_MULTI))
            functions = FUNCTIONS;
        each(&f);
    }
}

HV_INIT void pci_scan(void (*each)(const struct pci_function *f))
{
    if (!has_mechanism_1())
        return;
    for (uint32_t i = 0; i < BUSES * DEVICES; i++)
        scan_device(i / DEVICES, i % DEVICES, each);
}
