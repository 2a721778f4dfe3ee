/* SPDX-License-Identifier: MIT */
/* What the CMOS clock's registers mean.  Pure, so that it has a host test;
 * private to drivers/. */
#pragma once

#include "hv/types.h"

struct rtc_raw {
    uint8_t second, minute, hour, day, month, year;
    uint8_t century; /* 0 or nonsense where there is no such register */
    bool binary;     /* register B bit 2; else BCD */
    bool hours_24;   /* register B bit 1; else bit 7 of the hour is PM */
};

/* 0 to 59, -1 if the register holds nothing like it. */
int rtc_decode_second(uint8_t second, bool binary);

/* Seconds since 1970 UTC, or 0 if this is no date of 1970 to 2105. */
uint64_t rtc_decode(const struct rtc_raw *raw);
