/* SPDX-License-Identifier: MIT */
/* PVH start information built by hand, then broken: versions, 64-bit pointers,
 * counts. */
#include "boot_fixture.h"

enum { PVH_MODS_AT = 0x200, PVH_MAP_AT = 0x300 };

static void pvh_build(uint32_t version)
{
    start();
    put32(0, 0x336ec578);
    put32(4, version);
    put32(12, 2);
    put64(16, MEM_PA + PVH_MODS_AT);
    end = 0x400;
    put64(24, MEM_PA + push_text("ringside.elf console=com1"));
    put64(32, 0xf5ad0);
    put64(40, MEM_PA + PVH_MAP_AT);
    put32(48, 3);
    put64(PVH_MODS_AT, 0x400000);
    put64(PVH_MODS_AT + 8, 0x123456);
    put64(PVH_MODS_AT + 16, MEM_PA + push_text("vmlinux kernel:web"));
    put64(PVH_MODS_AT + 32, 0x600000);
    put64(PVH_MODS_AT + 40, 1);
    put64(PVH_MODS_AT + 48, MEM_PA + push_text("initrd:web"));
    end = PVH_MAP_AT;
    push_entry(0, 0x9fc00, 1);
    push_entry(0x100000, 0x7ee0000, 1);
    push_entry(0x7fe0000, 0x20000, 2);
}

static void pvh_run(void)
{
    boot_info_init(BOOT_MAGIC_PVH, MEM_PA);
}

TEST(pvh_good)
{
    pvh_build(1);
    pvh_run();
    expect_good(BOOT_PVH);
    EXPECT_EQ(boot_info.rsdp, 0xf5ad0);
}

TEST(pvh_version_0_has_no_map)
{
    pvh_build(0);
    pvh_run();
    EXPECT_EQ(boot_info.nr_regions, 0);
    EXPECT(fake_log_has("no memory map"));
    EXPECT_STR(boot_info.cmdline, "ringside.elf console=com1");
}

TEST(pvh_pointers_above_4_gib)
{
    static const uint32_t fields[] = {16, 24, 40, PVH_MODS_AT + 16};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(fields); i++) {
        pvh_build(1);
        put32(fields[i] + 4, 1);
        pvh_run();
        EXPECT(fake_log_lines >= 1);
    }
    pvh_build(1);
    put32(PVH_MODS_AT + 4, 1);
    pvh_run();
    EXPECT_EQ(boot_info.nr_modules, 1);
    EXPECT(fake_log_has("above what can be reached"));
    pvh_build(1);
    put32(PVH_MODS_AT + 12, 1); /* 4 GiB long */
    pvh_run();
    EXPECT_EQ(boot_info.nr_modules, 1);
}

TEST(pvh_more_than_64_modules)
{
    pvh_build(1);
    put32(12, 65);
    put64(16, MEM_PA + 0x1000);
    for (uint32_t i = 0; i < 65; i++) {
        put64(0x1000 + i * 32, 0x400000 + i * 0x1000);
        put64(0x1000 + i * 32 + 8, 0x1000);
    }
    pvh_run();
    EXPECT_EQ(boot_info.nr_modules, 64);
    EXPECT_EQ(log_config_errors(), 1);
    EXPECT(fake_log_has("more than 64 modules"));
}

TEST(pvh_counts_and_magic)
{
    pvh_build(1);
    put32(12, 0xffffffff);
    pvh_run();
    EXPECT(log_config_errors() >= 1);
    pvh_build(1);
    put32(48, 0xffffffff);
    pvh_run();
    EXPECT(fake_log_has("memory map: 4294967295 entries"));
    pvh_build(1);
    put32(0, 0);
    pvh_run();
    EXPECT(fake_log_has("PVH start information at 0x10000 is not readable"));
    boot_info_init(BOOT_MAGIC_PVH, 0);
    EXPECT(fake_log_has("PVH start information at 0x0 is not readable"));
}

TEST(random_damage_keeps_the_promises)
{
    struct test_rng r = {7};

    for (uint32_t round = 0; round < 10000; round++) {
        pvh_build(1);
        damage(&r, 5, 0x600);
        pvh_run();
        check_promises();
    }
}
