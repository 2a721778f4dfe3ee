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
#define CMD_CH0_LATCH 0x00u
#define CMD_CH2_MODE2 0xb4u /* rate generator */
#define CMD_CH2_LATCH 0x80u
#define SPEAKER_GATE2 0x01u
#define SPEAKER_ON 0x02u

/* A latched read is three port accesses; a counter that stands still is given
 * up after this many. */
#define DEAD_READS 1000u

static uint16_t read_latched(uint8_t latch, uint16_t port)
{
    uint32_t low, high;

    io_out8(PORT_COMMAND, latch);
    low = io_in8(port);
    high = io_in8(port);
    return (uint16_t)(low | (high << 8));
}

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

uint16_t pit_read(void)
{
    return read_latched(CMD_CH0_LATCH, PORT_CHANNEL0);
}

void pit_counter_start(void)
{
    uint8_t speaker = io_in8(PORT_SPEAKER);

    io_out8(PORT_SPEAKER, (uint8_t)((speaker & ~SPEAKER_ON) | SPEAKER_GATE2));
    io_out8(PORT_COMMAND, CMD_CH2_MODE2);
    io_out8(PORT_CHANNEL2, 0);
    io_out8(PORT_CHANNEL2, 0);
}

uint16_t pit_counter_read(void)
{
    return read_latched(CMD_CH2_LATCH, PORT_CHANNEL2);
}

/* 1.193182 ticks a microsecond, rounded up: 78196 / 65536. The loop looks far
 * more often than once per wrap of 54 ms. */
bool pit_wait_us(uint32_t us)
{
    uint64_t wanted = (((uint64_t)us * 78196) >> 16) + 1;
    uint64_t passed = 0;
    uint32_t still = 0;
    uint16_t last = pit_counter_read();

    while (passed < wanted) {
        uint16_t now = pit_counter_read();

        still = now == last ? still + 1 : 0;
        if (still >= DEAD_READS)
            return false;
        passed += (uint16_t)(last - now);
        last = now;
    }
    return true;
}
