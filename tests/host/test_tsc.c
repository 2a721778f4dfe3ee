/* SPDX-License-Identifier: MIT */
/* The arithmetic of the clock, when a TSC is believed, and when the short clock must
 * not be: that one reads the TSC of this machine, whose start the test moves. */
#include "test.h"

#include "arch/time_inline.h"

uint32_t arch_tsc_mult;

TEST(tsc_one_ghz_is_exact)
{
    uint32_t mult = tsc_mult_for_khz(1000000);

    EXPECT_EQ(tsc_to_ns(0, mult), 0);
    EXPECT_EQ(tsc_to_ns(1, mult), 1);
    EXPECT_EQ(tsc_to_ns(0xffffffffull, mult), 0xffffffffull);
    EXPECT_EQ(tsc_to_ns(0x123456789abcdull, mult), 0x123456789abcdull);
}

/* An hour, a day, a year at several speeds: within 1 in 10^7. */
TEST(tsc_is_right_for_years)
{
    static const uint32_t khz[] = {62501, 233333, 999999, 2893417, 4000000};
    static const uint64_t seconds[] = {1, 3600, 86400, 31536000};

    for (size_t i = 0; i < HV_ARRAY_SIZE(khz); i++) {
        for (size_t k = 0; k < HV_ARRAY_SIZE(seconds); k++) {
            uint64_t ticks = seconds[k] * khz[i] * 1000;
            uint64_t want = seconds[k] * 1000000000;
            uint64_t got = tsc_to_ns(ticks, tsc_mult_for_khz(khz[i]));

            EXPECT(got <= want && want - got <= want / 10000000);
        }
    }
}

TEST(tsc_settles_on_whole_megahertz)
{
    EXPECT_EQ(clock_settle_khz(999987), 1000000);
    EXPECT_EQ(clock_settle_khz(1000013), 1000000);
    EXPECT_EQ(clock_settle_khz(1000300), 1000300);
    EXPECT_EQ(clock_settle_khz(2893417), 2893417);
    EXPECT_EQ(clock_settle_khz(0), 0);
}

TEST(timer_ticks_are_never_early)
{
    static const uint32_t hz[] = {1000000, 1193182, 12500000, 500000000, 999999999};

    for (size_t i = 0; i < HV_ARRAY_SIZE(hz); i++) {
        uint32_t mult = timer_mult_for_hz(hz[i]);

        for (uint64_t ns = 0; ns < UINT32_MAX; ns = ns * 3 + 1) {
            uint64_t ticks = timer_ticks_for_ns((uint32_t)ns, mult);

            EXPECT(ticks > 0);
            EXPECT(ticks * 1000000000 >= ns * hz[i]);
            /* nor later than 1 in 10000 and two ticks */
            EXPECT((ticks - 2) * 1000000000 <= ns * hz[i] + ns * hz[i] / 10000 ||
                   ticks <= 2);
        }
    }
}

TEST(tsc_needs_evidence)
{
    struct tsc_evidence old = {.intervals_agree = true, .runs_in_halt = true,
                               .intel = true, .family = 6, .model = 8};
    struct tsc_evidence e = old;

    EXPECT(tsc_is_usable(&e)); /* cannot change its frequency */
    e.scales = true; /* a Pentium M: P-states change the TSC */
    e.model = 13;
    EXPECT(!tsc_is_usable(&e));
    e.model = 14; /* Core */
    EXPECT(tsc_is_usable(&e));
    e.intel = false; /* AMD with PowerNow */
    EXPECT(!tsc_is_usable(&e));
    e.invariant = true;
    EXPECT(tsc_is_usable(&e));
    e.runs_in_halt = false;
    EXPECT(!tsc_is_usable(&e));
    e.runs_in_halt = true;
    e.intervals_agree = false;
    EXPECT(!tsc_is_usable(&e));
    e = old;
    e.family = 15;
    e.model = 2;
    e.scales = true; /* a Pentium 4-M */
    EXPECT(!tsc_is_usable(&e));
    e.model = 3;
    EXPECT(tsc_is_usable(&e));
}

TEST(short_clock_counts_from_its_start)
{
    struct short_clock c;
    uint32_t first = 0, then = 0;

    arch_tsc_mult = tsc_mult_for_khz(1000000);
    do {
        short_clock_start(&c);
    } while (c.lo > 0xf0000000u || c.lo < 1000000); /* no wrap during the test */
    EXPECT(short_clock_ns(&c, &first));
    EXPECT(short_clock_ns(&c, &then));
    EXPECT(then >= first);
    c.lo -= 1000000;
    EXPECT(short_clock_ns(&c, &then));
    EXPECT(then - first >= 1000000);
    arch_tsc_mult = 0; /* the TSC is not the clock */
    short_clock_start(&c);
    EXPECT(!short_clock_ns(&c, &then));
}

TEST(short_clock_ends_with_the_low_dword)
{
    struct short_clock c;
    uint32_t ns;

    arch_tsc_mult = tsc_mult_for_khz(1000000);
    do {
        short_clock_start(&c);
    } while (c.lo > 0xf0000000u);
    c.hi--;
    EXPECT(!short_clock_ns(&c, &ns));
    c.hi += 2;
    EXPECT(!short_clock_ns(&c, &ns));
}

/* Every TSC takes more than 2^30 ns to wrap its low dword. */
TEST(short_clock_ends_with_its_nanoseconds)
{
    struct short_clock c;
    uint32_t ns;

    arch_tsc_mult = tsc_mult_for_khz(TSC_KHZ_MIN); /* 16 ns each */
    do {
        short_clock_start(&c);
    } while (c.lo > 0xf0000000u || c.lo < 0x10100000u);
    c.lo -= 0x03000000;
    EXPECT(short_clock_ns(&c, &ns));
    c.lo -= 0x01100000;
    EXPECT(!short_clock_ns(&c, &ns));
    c.lo -= 0x0c000000; /* 2^32 ns */
    EXPECT(!short_clock_ns(&c, &ns));
}
