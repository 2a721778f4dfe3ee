/* SPDX-License-Identifier: MIT */
/* The 8254 timer.  Channel 0 raises interrupts, one at a time; channel 2 is a
 * free-running counter that everything else is measured against.  Both run at
 * PIT_HZ. */
#include "hv/driver.h"

#include "arch/io.h"

#define PORT_CHANNEL0 0x40u
#define PORT_CHANNEL2 0x42u
#define PORT_COMMAND 0x43u
#define PORT_SPEAKER 0x61u

#define CMD_CH0_MODE0 0x30u /* interrupt on terminal count, low then high */
#define CMD_CH2_MODE2 0xb4u /* rate generator */
#define CMD_CH2_LATCH 0x80u
#define SPEAKER_GATE2 0x01u
#define SPEAKER_ON 0x02u

void pit_oneshot(uint16_t ticks)
{
    io_out8(PORT_COMMAND, CMD_CH0_MODE0);
    io_out8(PORT_CHANNEL0, (uint8_t)ticks);
    io_out8(PORT_CHANNEL0, (uint8_t)(ticks >> 8));
}

/* In mode 0 the counter does not start before it is given a count. */
void pit_stop(void)
{
    io_out8(PORT_COMMAND, CMD_CH0_MODE0);
}

/* Counts down. A latched read is three port accesses. */
static uint32_t pit_counter_read(void)
{
    uint32_t low, high;

    io_out8(PORT_COMMAND, CMD_CH2_LATCH);
    low = io_in8(PORT_CHANNEL2);
    high = io_in8(PORT_CHANNEL2);
    return ~(low | high << 8) & 0xffff;
}

HV_INIT const struct ref_clock *pit_clock_start(void)
{
    static const struct ref_clock clock = {"PIT", PIT_HZ, 0xffff, pit_counter_read};
    uint8_t speaker = io_in8(PORT_SPEAKER);

    io_out8(PORT_SPEAKER, (uint8_t)((speaker & ~SPEAKER_ON) | SPEAKER_GATE2));
    io_out8(PORT_COMMAND, CMD_CH2_MODE2);
    io_out8(PORT_CHANNEL2, 0);
    io_out8(PORT_CHANNEL2, 0);
    return &clock;
}
