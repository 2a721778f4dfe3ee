/* SPDX-License-Identifier: MIT */
/* CMOS clock registers to seconds since 1970. */
#include "test.h"

#include "../../drivers/timer/rtc_decode.h"

#include <time.h>

/* 2026-11-21 08:17:42, as `date -u +%s` counts it. */
#define A_MORNING 1795249062ull

TEST(rtc_bcd_24_hours)
{
    struct rtc_raw r = {.second = 0x42, .minute = 0x17, .hour = 0x08, .day = 0x21,
                        .month = 0x11, .year = 0x26, .century = 0x20,
                        .hours_24 = true};

    EXPECT_EQ(rtc_decode(&r), A_MORNING);
    r.century = 0; /* no such register */
    EXPECT_EQ(rtc_decode(&r), A_MORNING);
    r.century = 0xff;
    EXPECT_EQ(rtc_decode(&r), A_MORNING);
}

TEST(rtc_binary)
{
    struct rtc_raw r = {.second = 42, .minute = 17, .hour = 8, .day = 21,
                        .month = 11, .year = 26, .century = 20, .binary = true,
                        .hours_24 = true};

    EXPECT_EQ(rtc_decode(&r), A_MORNING);
}

/* 12 AM is midnight, 12 PM is noon. */
TEST(rtc_twelve_hours)
{
    struct rtc_raw r = {.second = 0x42, .minute = 0x17, .hour = 0x08, .day = 0x21,
                        .month = 0x11, .year = 0x26, .century = 0x20};

    EXPECT_EQ(rtc_decode(&r), A_MORNING);
    r.hour = 0x88;
    EXPECT_EQ(rtc_decode(&r), A_MORNING + 12 * 3600);
    r.hour = 0x12;
    EXPECT_EQ(rtc_decode(&r), A_MORNING - 8 * 3600);
    r.hour = 0x92;
    EXPECT_EQ(rtc_decode(&r), A_MORNING + 4 * 3600);
    r.hour = 0x00;
    EXPECT_EQ(rtc_decode(&r), 0);
    r.hour = 0x13;
    EXPECT_EQ(rtc_decode(&r), 0);
}

TEST(rtc_refuses_what_is_no_date)
{
    struct rtc_raw good = {.day = 0x29, .month = 0x02, .year = 0x24,
                           .century = 0x20, .hours_24 = true};
    struct rtc_raw r = good;

    EXPECT(rtc_decode(&r) != 0);
    r.year = 0x23; /* no leap year */
    EXPECT_EQ(rtc_decode(&r), 0);
    r = good;
    r.month = 0x13;
    EXPECT_EQ(rtc_decode(&r), 0);
    r.month = 0;
    EXPECT_EQ(rtc_decode(&r), 0);
    r = good;
    r.day = 0;
    EXPECT_EQ(rtc_decode(&r), 0);
    r = good;
    r.minute = 0x60;
    EXPECT_EQ(rtc_decode(&r), 0);
    r.minute = 0x1a; /* no BCD */
    EXPECT_EQ(rtc_decode(&r), 0);
    memset(&r, 0xff, sizeof(r)); /* no clock at all */
    r.binary = r.hours_24 = true;
    EXPECT_EQ(rtc_decode(&r), 0);
    memset(&r, 0, sizeof(r));
    EXPECT_EQ(rtc_decode(&r), 0);
}

static uint8_t bcd(int v)
{
    return (uint8_t)(v / 10 * 16 + v % 10);
}

/* Every day from 1970 to 2105 against the C library. */
TEST(rtc_every_day_agrees_with_gmtime)
{
    for (uint32_t day = 0; day < 49673; day++) {
        time_t t = (time_t)((uint64_t)day * 86400 + day % 86400);
        struct tm tm;
        struct rtc_raw r;

        if (sizeof(time_t) == 4 && day > 24854)
            return;
        REQUIRE(gmtime_r(&t, &tm) != NULL);
        r = (struct rtc_raw){bcd(tm.tm_sec), bcd(tm.tm_min), bcd(tm.tm_hour),
                             bcd(tm.tm_mday), bcd(tm.tm_mon + 1),
                             bcd(tm.tm_year % 100),
                             bcd((1900 + tm.tm_year) / 100), false, true};
        if (day > 0)
            EXPECT_EQ(rtc_decode(&r), (uint64_t)t);
    }
}
