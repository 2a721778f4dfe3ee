/* SPDX-License-Identifier: MIT */
/* What of a guest's breakpoints reaches the CPU (SDM 3B 17.2.4): its DR0 to DR3 name
 * addresses of the monitor's as well. */
#include "test.h"

#include "arch/vcpu.h"

#define FIXED 0x400u

static uint32_t armed(uint32_t address, uint32_t dr7)
{
    struct arch_vcpu a = {.dr = {address, address, address, address}, .dr7 = dr7};

    return arch_vcpu_armed(&a);
}

TEST(nothing_is_armed_that_is_not_enabled)
{
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(armed(0x1000, FIXED | 0xfu << (16 + 4 * i)), 0);
        for (uint32_t how = 1; how < 4; how++) /* L, G, both */
            EXPECT_EQ(armed(0x1000, how << (2 * i) | 0xdu << (16 + 4 * i)),
                      FIXED | how << (2 * i) | 0xdu << (16 + 4 * i));
    }
    EXPECT_EQ(armed(0x1000, 0xffff0300 | FIXED), 0);
}

TEST(no_address_of_the_switcher_area_is_armed)
{
    static const uint32_t below[] = {0, 0x100000, 0xbfffffff, 0xc0000000, 0xffbfffff};
    static const uint32_t from[] = {0xffc00000, 0xffc00001, 0xffe01000, 0xffffffff};

    for (uint32_t kind = 0; kind < 4; kind++) {
        uint32_t dr7 = 0xff | kind * 0x11110000u;

        for (uint32_t i = 0; i < HV_ARRAY_SIZE(below); i++)
            EXPECT_EQ(armed(below[i], dr7) != 0, kind != 2); /* 2 is I/O */
        for (uint32_t i = 0; i < HV_ARRAY_SIZE(from); i++)
            EXPECT_EQ(armed(from[i], dr7), 0);
    }
}

/* Each on its own: what is not armed of four leaves the others as they are. */
TEST(each_of_the_four_is_judged_by_itself)
{
    struct arch_vcpu a = {.dr = {0x1000, 0xffe00000, 0x2000, 0x3000}};

    a.dr7 = 0x55 | 1u << 16 | 1u << 20 | 2u << 24 | 0xfu << 28;
    EXPECT_EQ(arch_vcpu_armed(&a), FIXED | 0x41 | 1u << 16 | 0xfu << 28);
}

TEST(a_breakpoint_on_execution_has_no_length)
{
    EXPECT_EQ(armed(0x1000, 1 | 0xcu << 16), FIXED | 1);
    EXPECT_EQ(armed(0x1000, 1 | 0xdu << 16), FIXED | 1 | 0xdu << 16);
}

static uint32_t written(uint32_t address, uint32_t rw_len, uint32_t va, uint32_t bytes)
{
    struct arch_vcpu a = {.dr = {address}, .dr7 = 1 | rw_len << 16};

    return arch_vcpu_watched(&a, va, bytes);
}

TEST(a_write_hits_what_it_overlaps)
{
    EXPECT_EQ(written(0x1004, 0xd, 0x1000, 4), 0); /* 4 bytes, on writes */
    EXPECT_EQ(written(0x1004, 0xd, 0x1001, 4), 1);
    EXPECT_EQ(written(0x1004, 0xd, 0x1007, 1), 1);
    EXPECT_EQ(written(0x1004, 0xd, 0x1008, 4), 0);
    EXPECT_EQ(written(0x1006, 0xd, 0x1004, 1), 1); /* the address is aligned down */
    EXPECT_EQ(written(0x1005, 0x1, 0x1004, 1), 0); /* one byte */
    EXPECT_EQ(written(0x1005, 0x1, 0x1004, 2), 1);
    EXPECT_EQ(written(0x1000, 0x9, 0x1007, 1), 1); /* 8 bytes */
    EXPECT_EQ(written(0x1000, 0x3, 0x1000, 1), 1); /* on any access */
    EXPECT_EQ(written(0x1000, 0x0, 0x1000, 1), 0); /* on execution */
    EXPECT_EQ(written(0x1000, 0x2, 0x1000, 1), 0); /* on I/O */
    EXPECT_EQ(written(0xffc00000, 0xd, 0xffc00000, 4), 0);
}
