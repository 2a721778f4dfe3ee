/* SPDX-License-Identifier: MIT */
/* The debug port 0xe9 of Bochs and QEMU: one byte out, no waiting, no input.
 * It reads as its own address where it exists. */
#include "hv/driver.h"

#include "arch/io.h"

#define PORT_E9 0xe9u

static void debugcon_tx(uint8_t byte)
{
    io_out8(PORT_E9, byte);
}

static const struct console_ops debugcon_ops = {
    .name = "debugcon",
    .tx = debugcon_tx,
};

HV_INIT const struct console_ops *debugcon_init(void)
{
    return io_in8(PORT_E9) == PORT_E9 ? &debugcon_ops : NULL;
}
