/* SPDX-License-Identifier: MIT */
/* The first I/O APIC (82093AA), as far as it is needed while the 8259 serves
 * the ISA lines: single pins are pointed at a CPU, all others stay masked. */
#include "hv/driver.h"

#define INDEX 0 /* word offsets of the two registers that are in memory */
#define WINDOW 4
#define REG_VERSION 0x01u
#define REG_REDIRECTION 0x10u
#define RTE_MASKED HV_BIT(16)
#define RTE_MODE_MASK (7u << 8)
#define RTE_MODE_LOWEST (1u << 8) /* the other ordinary one, fixed, is 0 */
#define PINS_MIN 16u
#define PINS_MAX 240u

static volatile uint32_t *regs;
static uint32_t pins;

static uint32_t ioapic_read(uint32_t reg)
{
    regs[INDEX] = reg;
    return regs[WINDOW];
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
    regs[INDEX] = reg;
    regs[WINDOW] = value;
}

/* Nothing there reads all ones or zeroes; no real version is outside these. */
uint32_t ioapic_init(volatile uint32_t *at)
{
    uint32_t version;

    regs = at;
    pins = 0;
    if (at == NULL)
        return 0;
    version = ioapic_read(REG_VERSION);
    if ((version & 0xff) < 0x10 || (version & 0xff) > 0x2f)
        return 0;
    version = ((version >> 16) & 0xff) + 1;
    if (version < PINS_MIN || version > PINS_MAX)
        return 0;
    pins = version;
    return pins;
}

uint64_t ioapic_pin_read(uint32_t pin)
{
    if (pin >= pins)
        return RTE_MASKED;
    return ioapic_read(REG_REDIRECTION + 2 * pin)
        | (uint64_t)ioapic_read(REG_REDIRECTION + 2 * pin + 1) << 32;
}

/* Masked while it changes, so that no half of an entry is ever live. */
void ioapic_pin_write(uint32_t pin, uint64_t entry)
{
    if (pin >= pins)
        return;
    ioapic_write(REG_REDIRECTION + 2 * pin, RTE_MASKED);
    ioapic_write(REG_REDIRECTION + 2 * pin + 1, (uint32_t)(entry >> 32));
    ioapic_write(REG_REDIRECTION + 2 * pin, (uint32_t)entry);
}

HV_INIT uint32_t ioapic_mask_all(void)
{
    uint32_t n = 0;

    for (uint32_t pin = 0; pin < pins; pin++) {
        uint64_t entry = ioapic_pin_read(pin);

        if ((entry & RTE_MASKED) || (entry & RTE_MODE_MASK) > RTE_MODE_LOWEST)
            continue;
        ioapic_pin_write(pin, entry | RTE_MASKED);
        n++;
    }
    return n;
}
