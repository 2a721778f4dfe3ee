/* SPDX-License-Identifier: MIT */
/* The CMOS real-time clock, read once at boot.  It is read until two readings
 * agree, so that one taken while the clock ticks over is not believed.  Where a
 * machine has nothing better it also tells how long a second is, and ticks. */
#include "hv/driver.h"

#include "arch/io.h"
#include "hv/string.h"
#include "rtc_decode.h"

#define PORT_INDEX 0x70u
#define PORT_DATA 0x71u
#define NMI_ENABLED 0x00u /* bit 7 of the index would mask NMIs */

#define REG_SECOND 0x00u
#define REG_MINUTE 0x02u
#define REG_HOUR 0x04u
#define REG_DAY 0x07u
#define REG_MONTH 0x08u
#define REG_YEAR 0x09u
#define REG_A 0x0au
#define REG_B 0x0bu
#define REG_C 0x0cu /* what has interrupted; reading clears it */
#define REG_CENTURY 0x32u
#define A_UPDATING 0x80u
#define A_RATE_MASK 0x0fu
#define A_RATE_1024 0x06u
#define B_PERIODIC 0x40u
#define B_24H 0x02u
#define B_BINARY 0x04u

#define SPINS 10000u /* an update takes at most 2 ms; a read about 2 us */
#define TRIES 8u

static uint8_t cmos_read(uint8_t reg)
{
    io_out8(PORT_INDEX, NMI_ENABLED | reg);
    return io_in8(PORT_DATA);
}

static HV_INIT void cmos_write(uint8_t reg, uint32_t value)
{
    io_out8(PORT_INDEX, NMI_ENABLED | reg);
    io_out8(PORT_DATA, (uint8_t)value);
}

static HV_INIT bool wait_quiet(void)
{
    for (uint32_t i = 0; i < SPINS; i++) {
        if ((cmos_read(REG_A) & A_UPDATING) == 0)
            return true;
    }
    return false;
}

static HV_INIT void read_all(struct rtc_raw *raw)
{
    uint8_t b = cmos_read(REG_B);

    memset(raw, 0, sizeof(*raw));
    raw->second = cmos_read(REG_SECOND);
    raw->minute = cmos_read(REG_MINUTE);
    raw->hour = cmos_read(REG_HOUR);
    raw->day = cmos_read(REG_DAY);
    raw->month = cmos_read(REG_MONTH);
    raw->year = cmos_read(REG_YEAR);
    raw->century = cmos_read(REG_CENTURY);
    raw->binary = (b & B_BINARY) != 0;
    raw->hours_24 = (b & B_24H) != 0;
}

HV_INIT uint64_t rtc_read(void)
{
    struct rtc_raw one, two;

    for (uint32_t i = 0; i < TRIES; i++) {
        if (!wait_quiet())
            return 0;
        read_all(&one);
        read_all(&two);
        if (memcmp(&one, &two, sizeof(one)) == 0)
            return rtc_decode(&one);
    }
    return 0;
}

/* Twice the same, as an update may begin in between. */
HV_INIT int rtc_second(void)
{
    uint8_t second;

    if ((cmos_read(REG_A) & A_UPDATING) != 0)
        return -1;
    second = cmos_read(REG_SECOND);
    if (cmos_read(REG_SECOND) != second)
        return -1;
    return rtc_decode_second(second, (cmos_read(REG_B) & B_BINARY) != 0);
}

HV_INIT void rtc_start_ticking(void)
{
    cmos_write(REG_A, (cmos_read(REG_A) & ~A_RATE_MASK) | A_RATE_1024);
    cmos_write(REG_B, cmos_read(REG_B) | B_PERIODIC);
    rtc_acknowledge();
}

void rtc_acknowledge(void)
{
    (void)cmos_read(REG_C);
}
