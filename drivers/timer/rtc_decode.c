/* SPDX-License-Identifier: MIT */
/* CMOS clock registers -> seconds since 1970.  The clock is taken to run in
 * UTC, as the monitor knows no time zones. */
#include "rtc_decode.h"

#define SECONDS_PER_DAY 86400u
#define PM 0x80u

/* One register as a number; out of range if it is no BCD. */
static HV_INIT uint32_t field(const struct rtc_raw *raw, uint8_t v)
{
    uint32_t tens = v >> 4, ones = v & 0x0f;

    if (raw->binary)
        return v;
    return tens <= 9 && ones <= 9 ? tens * 10 + ones : UINT32_MAX;
}

HV_INIT int rtc_decode_second(uint8_t second, bool binary)
{
    struct rtc_raw raw = {.binary = binary};
    uint32_t value = field(&raw, second);

    return value <= 59 ? (int)value : -1;
}

/* 12 AM is hour 0, 12 PM is hour 12. */
static HV_INIT uint32_t hour_of_day(const struct rtc_raw *raw)
{
    uint32_t hour;

    if (raw->hours_24)
        return field(raw, raw->hour);
    hour = field(raw, raw->hour & (uint8_t)~PM);
    if (hour < 1 || hour > 12)
        return UINT32_MAX;
    return hour % 12 + ((raw->hour & PM) != 0 ? 12 : 0);
}

static HV_INIT uint32_t full_year(const struct rtc_raw *raw)
{
    uint32_t year = field(raw, raw->year);
    uint32_t century = field(raw, raw->century);

    if (year > 99)
        return 0;
    if (century >= 19 && century <= 21)
        return century * 100 + year;
    return year >= 70 ? 1900 + year : 2000 + year;
}

static HV_INIT bool is_leap(uint32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first day of this year. */
static HV_INIT uint32_t days_before_year(uint32_t year)
{
    uint32_t y = year - 1;

    return (year - 1970) * 365 + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100)
        + (y / 400 - 1969 / 400);
}

static HV_INIT uint32_t days_in_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30,
                                     31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

HV_INIT uint64_t rtc_decode(const struct rtc_raw *raw)
{
    uint32_t year = full_year(raw);
    uint32_t month = field(raw, raw->month);
    uint32_t day = field(raw, raw->day);
    uint32_t hour = hour_of_day(raw);
    uint32_t minute = field(raw, raw->minute);
    uint32_t second = field(raw, raw->second);
    uint32_t days;

    if (year < 1970 || year > 2105 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || hour > 23 || minute > 59 ||
        second > 59)
        return 0;
    days = days_before_year(year) + day - 1;
    for (uint32_t m = 1; m < month; m++)
        days += days_in_month(year, m);
    return (uint64_t)days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
}
