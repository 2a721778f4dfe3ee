/* SPDX-License-Identifier: MIT */
/* Multiboot 1 information built by hand, then broken in one place at a time:
 * flags, addresses, sizes, counts. */
#include "boot_fixture.h"

enum { MB1_INFO = 0x1000, MB1_MMAP_AT = 0x2000, MB1_MODS_AT = 0x3000 };

static void mb1_mmap_entry(uint64_t base, uint64_t bytes, uint32_t type,
                           uint32_t extra)
{
    push32(20 + extra);
    push64(base);
    push64(bytes);
    push32(type);
    end += extra;
}

static void mb1_build(void)
{
    uint32_t text;

    start();
    end = 0x100;
    text = push_text("ringside.elf console=com1");
    put32(MB1_INFO, 0x4d); /* memory, command line, modules, map */
    put32(MB1_INFO + 4, 640);
    put32(MB1_INFO + 8, 127 * 1024);
    put32(MB1_INFO + 16, MEM_PA + text);
    put32(MB1_INFO + 20, 2);
    put32(MB1_INFO + 24, MEM_PA + MB1_MODS_AT);
    put32(MB1_MODS_AT, 0x400000);
    put32(MB1_MODS_AT + 4, 0x523456);
    put32(MB1_MODS_AT + 8, MEM_PA + push_text("vmlinux kernel:web"));
    put32(MB1_MODS_AT + 16, 0x600000);
    put32(MB1_MODS_AT + 20, 0x600001);
    put32(MB1_MODS_AT + 24, MEM_PA + push_text("initrd:web"));
    end = MB1_MMAP_AT;
    mb1_mmap_entry(0x7fe0000, 0x20000, 2, 0);
    mb1_mmap_entry(0x100000, 0x7ee0000, 1, 4); /* with extended attributes */
    mb1_mmap_entry(0, 0x9fc00, 1, 0);
    put32(MB1_INFO + 44, end - MB1_MMAP_AT);
    put32(MB1_INFO + 48, MEM_PA + MB1_MMAP_AT);
}

static void mb1_run(void)
{
    boot_info_init(BOOT_MAGIC_MULTIBOOT1, MEM_PA + MB1_INFO);
}

TEST(mb1_good)
{
    mb1_build();
    mb1_run();
    expect_good(BOOT_MULTIBOOT1);
}

/* GRUB's quotes are undone in each string, if it says that it is GRUB. */
TEST(mb1_quotes_of_grub)
{
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(grub_texts) * 3; i++) {
        const char *given = grub_texts[i / 3].given, *meant = given;
        uint32_t text, name;

        mb1_build();
        end = 0x4000;
        text = MEM_PA + push_text(given);
        name = MEM_PA + push_text("GRUB 2.06");
        put32(MB1_INFO + 16, text);
        put32(MB1_MODS_AT + 8, text);
        put32(MB1_INFO, i % 3 == 0 ? 0x4d : 0x24d);
        put32(MB1_INFO + 64, i % 3 == 1 ? MEM_PA - 3 : name);
        if (i % 3 == 2)
            meant = grub_texts[i / 3].meant;
        mb1_run();
        EXPECT_STR(boot_info.cmdline, meant);
        REQUIRE(boot_info.nr_modules == 2);
        EXPECT_STR(boot_info.modules[0].string, meant);
        EXPECT_STR(boot_info.modules[1].string, "initrd:web");
    }
}

TEST(mb1_flags_say_what_is_there)
{
    mb1_build();
    put32(MB1_INFO, 0);
    mb1_run();
    EXPECT_STR(boot_info.cmdline, "");
    EXPECT_EQ(boot_info.nr_modules, 0);
    EXPECT_EQ(boot_info.nr_regions, 0);
    EXPECT(fake_log_has("no memory map"));
    mb1_build();
    put32(MB1_INFO, 0x41);
    put64(MB1_INFO + 88, 0xfd000000);
    mem[MB1_INFO + 109] = 1;
    mb1_run();
    EXPECT_EQ(boot_info.nr_regions, 3);
    EXPECT_EQ(boot_info.nr_modules, 0);
    EXPECT_EQ(boot_info.complaints, 0);
    mb1_build();
    put32(MB1_INFO, 1);
    mb1_run();
    EXPECT_EQ(boot_info.nr_regions, 2);
    EXPECT_EQ(boot_info.regions[0].bytes, 0xa0000);
    EXPECT_EQ(boot_info.regions[1].base, 0x100000);
    EXPECT_EQ(boot_info.regions[1].bytes, 127u << 20);
}

TEST(mb1_information_that_cannot_be_read)
{
    static const uint32_t at[] = {0, MEM_PA + MEM_BYTES - 51, 0xffffffff, 0xc0000000};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(at); i++) {
        mb1_build();
        boot_info_init(BOOT_MAGIC_MULTIBOOT1, at[i]);
        EXPECT_EQ(boot_info.nr_regions, 0);
        EXPECT(log_config_errors() == 1);
    }
}

TEST(mb1_tables_that_cannot_be_read)
{
    mb1_build();
    put32(MB1_INFO + 24, 0xfffffff0); /* modules */
    mb1_run();
    EXPECT_EQ(boot_info.nr_modules, 0);
    EXPECT(fake_log_has("module list: at 0xfffffff0"));
    mb1_build();
    put32(MB1_INFO + 48, 0); /* map: then memory from the sizes */
    mb1_run();
    EXPECT_EQ(boot_info.nr_regions, 2);
    EXPECT(fake_log_has("memory map: at 0x0, not readable"));
    EXPECT_EQ(boot_info.nr_modules, 2);
    mb1_build();
    put32(MB1_INFO + 16, 0x80000000); /* command line */
    mb1_run();
    EXPECT_STR(boot_info.cmdline, "");
    EXPECT_EQ(log_config_errors(), 1);
}

TEST(mb1_entry_sizes)
{
    static const uint32_t bad[] = {0, 1, 19, 0x1000, 0x7fffffff, 0xfffffffc,
                                   0xffffffff, 0xffffffec};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        mb1_build();
        put32(MB1_MMAP_AT + 24, bad[i]); /* second entry */
        mb1_run();
        EXPECT_EQ(boot_info.nr_regions, 1); /* the reserved one came first */
        EXPECT(fake_log_has("memory map: entry of"));
        EXPECT_EQ(boot_info.nr_modules, 0);
    }
    mb1_build();
    put32(MB1_INFO + 44, 24 + 3); /* the map ends within an entry */
    mb1_run();
    EXPECT(fake_log_has("with 3 left"));
    mb1_build();
    put32(MB1_INFO + 44, 24 + 23); /* one byte short */
    mb1_run();
    EXPECT_EQ(boot_info.nr_regions, 1);
    EXPECT(fake_log_has("entry of 24 bytes with 23 left"));
    mb1_build();
    put32(MB1_INFO + 44, 0xffffffff);
    mb1_run();
    EXPECT(fake_log_has("memory map: 4294967295 bytes long"));
}

TEST(mb1_modules_end_before_start)
{
    mb1_build();
    put32(MB1_MODS_AT + 4, 0x400000);
    put32(MB1_MODS_AT + 20, 0x5fffff);
    mb1_run();
    EXPECT_EQ(boot_info.nr_modules, 0);
    EXPECT_EQ(log_config_errors(), 2);
}

TEST(mb1_module_counts)
{
    mb1_build();
    put32(MB1_INFO + 20, 0xffffffff);
    for (uint32_t i = 0; i < 65; i++) {
        put32(MB1_MODS_AT + i * 16, 0x400000 + i * 0x1000);
        put32(MB1_MODS_AT + i * 16 + 4, 0x401000 + i * 0x1000);
        put32(MB1_MODS_AT + i * 16 + 8, 0);
    }
    mb1_run();
    EXPECT_EQ(boot_info.nr_modules, 64);
    EXPECT_STR(boot_info.modules[63].string, "");
    EXPECT_EQ(log_config_errors(), 1);
}

TEST(mb1_framebuffer)
{
    mb1_build();
    put32(MB1_INFO, 0x104d);
    put64(MB1_INFO + 88, 0xfd000000);
    put32(MB1_INFO + 96, 3200);
    put32(MB1_INFO + 100, 800);
    put32(MB1_INFO + 104, 600);
    memcpy(mem + MB1_INFO + 108, "\x20\x01\x10\x06\x08\x07\x01\x05", 8);
    mb1_run();
    EXPECT_EQ(boot_info.fb.base, 0xfd000000);
    EXPECT_EQ(boot_info.fb.pitch_bytes, 3200);
    EXPECT_EQ(boot_info.fb.bpp, 32);
    EXPECT_EQ(boot_info.fb.red_pos, 16);
    EXPECT_EQ(boot_info.fb.red_bits, 6);
    EXPECT_EQ(boot_info.fb.green_pos, 8);
    EXPECT_EQ(boot_info.fb.green_bits, 7);
    EXPECT_EQ(boot_info.fb.blue_pos, 1);
    EXPECT_EQ(boot_info.fb.blue_bits, 5);
    EXPECT_EQ(boot_info.fb.height, 600);
    mem[MB1_INFO + 109] = 2; /* text */
    mb1_run();
    EXPECT_EQ(boot_info.fb.base, 0);
    EXPECT_EQ(boot_info.complaints, 0);
}

/* Loaders from before the framebuffer fields give VBE's mode information. */
TEST(mb1_vbe)
{
    enum { MODE_AT = 0x600 };

    for (uint32_t what = 0; what < 4; what++) {
        mb1_build();
        put32(MB1_INFO, 0x84d);
        put32(MB1_INFO + 76, what == 3 ? 0x7fffffff : MEM_PA + MODE_AT);
        mem[MODE_AT] = what == 1 ? 0x1b : 0x9b; /* no linear framebuffer */
        memcpy(mem + MODE_AT + 16, "\x40\x06\x20\x03\x58\x02", 6);
        mem[MODE_AT + 25] = 16;
        mem[MODE_AT + 27] = what == 2 ? 4 : 6; /* packed pixels */
        memcpy(mem + MODE_AT + 31, "\x05\x0b\x06\x05\x05\x00", 6);
        put32(MODE_AT + 40, 0xe0000000);
        mb1_run();
        EXPECT_EQ(boot_info.fb.base, what == 0 ? 0xe0000000 : 0);
        EXPECT_EQ(boot_info.complaints, 0);
        if (what != 0)
            continue;
        EXPECT_EQ(boot_info.fb.pitch_bytes, 1600);
        EXPECT_EQ(boot_info.fb.width, 800);
        EXPECT_EQ(boot_info.fb.height, 600);
        EXPECT_EQ(boot_info.fb.bpp, 16);
        EXPECT_EQ(boot_info.fb.red_pos, 11);
        EXPECT_EQ(boot_info.fb.green_bits, 6);
        EXPECT_EQ(boot_info.fb.blue_pos, 0);
    }
}

/* It would be drawn over. */
TEST(mb1_framebuffer_in_ram)
{
    mb1_build();
    put32(MB1_INFO, 0x104d);
    put64(MB1_INFO + 88, 0x7e00000);
    put32(MB1_INFO + 96, 3200);
    put32(MB1_INFO + 100, 800);
    put32(MB1_INFO + 104, 600);
    memcpy(mem + MB1_INFO + 108, "\x20\x01\x10\x08\x08\x08\x00\x08", 8);
    mb1_run();
    EXPECT_EQ(boot_info.fb.base, 0);
    EXPECT(fake_log_has("there is RAM"));
}

TEST(random_damage_keeps_the_promises)
{
    struct test_rng r = {7};

    for (uint32_t round = 0; round < 10000; round++) {
        mb1_build();
        damage(&r, 5, MEM_BYTES / 2);
        mb1_run();
        check_promises();
    }
}
