/* SPDX-License-Identifier: MIT */
/* Guests that speak each row of the interface, told apart by abi= of their
 * configuration; those from 3.1 on also by nothing but the layout probe. */

#include "gtest.h"

#define RAW_2 (GT_RAW | GT_2LEVEL)
#define LIFE(id, flags, r, ...) GT_ROW(id, gt_abi_life, flags, .arg = r, ##__VA_ARGS__)

LIFE(row_2_6_24, RAW_2, GABI_ROW_2_6_24, .row = GABI_ROW_2_6_24)
LIFE(row_2_6_30, RAW_2, GABI_ROW_2_6_30, .row = GABI_ROW_2_6_30)
LIFE(row_2_6_31, GT_RAW | GT_BOTH, GABI_ROW_2_6_31, .row = GABI_ROW_2_6_31)
LIFE(row_3_1, GT_RAW | GT_BOTH, GABI_ROW_3_1, .row = GABI_ROW_3_1)
LIFE(row_4_1, GT_RAW | GT_BOTH, GABI_ROW_4_1, .row = GABI_ROW_4_1)
LIFE(probe_3_1, GT_RAW | GT_BOTH, GABI_ROW_3_1)
LIFE(probe_4_1, GT_RAW | GT_BOTH, GABI_ROW_4_1)

/* The layout wins over what the configuration says, where both are new. */
LIFE(probe_over_config, RAW_2, GABI_ROW_4_1, .row = GABI_ROW_3_1)

/* LOAD_GDT belongs to the old rows only, LOAD_GDT_ENTRY works in the newer. */
GT_CASE(load_gdt_too_many, RAW_2, .row = GABI_ROW_2_6_24,
        .expect = "killed: too many gdt entries")
{
    guest_init(&lguest_rows[GABI_ROW_2_6_24]);
    lguest_call(GABI_HCALL_LOAD_GDT, 0x1000, 33, 0, 0);
    FAIL("taken");
}

GT_CASE(load_gdt_bad_address, RAW_2, .row = GABI_ROW_2_6_24,
        .expect = "killed: bad read address")
{
    guest_init(&lguest_rows[GABI_ROW_2_6_24]);
    lguest_call(GABI_HCALL_LOAD_GDT, 0xfffffff0, 32, 0, 0);
    FAIL("taken");
}

static void kernel_at(uint32_t address)
{
    *(volatile uint32_t *)lguest_field(lguest_row->kernel_address) = address;
}

/* CONFIG_VMSPLIT_2G: the second map of the boot tables is where INIT says. */
GT_CASE(boot_map_at_2g, GT_RAW | GT_BOTH, .row = GABI_ROW_2_6_31)
{
    gt_init_with(&lguest_rows[GABI_ROW_2_6_31], kernel_at, 0x80000000);
    EXPECT_EQ(peek32(0x80000000 + addr_of(&guest)), guest.mem_bytes);
    EXPECT_EQ(peek32(addr_of(&guest)), guest.mem_bytes);
}

/* Linux 3.9 to 3.19 with early microcode loading and stack protector reads gs:0x14 before
 * it loads GS and before INIT: on hardware a null segment would be its end. QEMU lets
 * null segments pass, so the selectors are looked at as well. */
GT_CASE(fs_gs_at_entry, GT_RAW | GT_BOTH)
{
    uint32_t fs, gs, canary, far;

    __asm__ volatile("movl %%fs, %0; movl %%gs, %1; movl %%gs:0x14, %2; movl %%fs:(%4), %3"
                     : "=&r"(fs), "=&r"(gs), "=&r"(canary), "=&r"(far)
                     : "r"(addr_of(&guest.mem_bytes)));
    guest_init(&lguest_rows[GABI_ROW_3_1]);
    EXPECT_EQ(fs & 0xffff, GABI_KERNEL_DS);
    EXPECT_EQ(gs & 0xffff, GABI_KERNEL_DS);
    EXPECT_EQ(canary, peek32(0x14));
    EXPECT_EQ(far, guest.mem_bytes);
}

/* The boot tables were built 2-level, the guest turns out to be PAE. */
GT_CASE(pae_not_configured, RAW_2, .row = GABI_ROW_2_6_31,
        .expect = "killed: its page tables are PAE")
{
    guest_init(&lguest_rows[GABI_ROW_2_6_31]);
    pt_init(true);
    FAIL("taken");
}
