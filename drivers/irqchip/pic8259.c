/* SPDX-License-Identifier: MIT */
/* The two 8259 interrupt controllers of every PC.  All lines stay masked but
 * those somebody opened. */
#include "hv/driver.h"

#include "arch/io.h"

#define MASTER_COMMAND 0x20u
#define MASTER_DATA 0x21u
#define SLAVE_COMMAND 0xa0u
#define SLAVE_DATA 0xa1u

#define ICW1_INIT_ICW4 0x11u
#define ICW4_8086 0x01u
#define OCW2_EOI_SPECIFIC 0x60u
#define OCW3_READ_ISR 0x0bu
#define CASCADE_LINE 2u

static uint16_t masked = 0xffff;

static void write_masks(void)
{
    io_out8(MASTER_DATA, (uint8_t)masked);
    io_out8(SLAVE_DATA, (uint8_t)(masked >> 8));
}

static void icw(uint16_t port, uint8_t value)
{
    io_out8(port, value);
    io_delay();
}

void pic8259_init(uint8_t vector_base)
{
    icw(MASTER_COMMAND, ICW1_INIT_ICW4);
    icw(SLAVE_COMMAND, ICW1_INIT_ICW4);
    icw(MASTER_DATA, vector_base);
    icw(SLAVE_DATA, (uint8_t)(vector_base + 8));
    icw(MASTER_DATA, 1u << CASCADE_LINE);
    icw(SLAVE_DATA, CASCADE_LINE);
    icw(MASTER_DATA, ICW4_8086);
    icw(SLAVE_DATA, ICW4_8086);
    masked = (uint16_t)~(1u << CASCADE_LINE);
    write_masks();
}

void pic8259_unmask(uint8_t line)
{
    masked &= (uint16_t)~(1u << (line & 15));
    write_masks();
}

void pic8259_mask(uint8_t line)
{
    if (line == CASCADE_LINE)
        return;
    masked |= (uint16_t)(1u << (line & 15));
    write_masks();
}

void pic8259_eoi(uint8_t line)
{
    if (line >= 8) {
        io_out8(SLAVE_COMMAND, (uint8_t)(OCW2_EOI_SPECIFIC | (line & 7)));
        line = CASCADE_LINE;
    }
    io_out8(MASTER_COMMAND, (uint8_t)(OCW2_EOI_SPECIFIC | line));
}

/* A request that went away before the CPU asked comes as the lowest line of
 * its chip, with nothing in service. Of a slave's, the master's cascade line
 * is in service all the same. */
bool pic8259_is_spurious(uint8_t line)
{
    uint16_t port = line >= 8 ? SLAVE_COMMAND : MASTER_COMMAND;

    if ((line & 7) != 7)
        return false;
    io_out8(port, OCW3_READ_ISR);
    if ((io_in8(port) & 0x80) != 0)
        return false;
    if (line >= 8)
        io_out8(MASTER_COMMAND, OCW2_EOI_SPECIFIC | CASCADE_LINE);
    return true;
}
