/* SPDX-License-Identifier: MIT */
/* Guest images (ABI 1.1, 1.2, 1.5, 14; RS-06): good ones land where they
 * should, bad ones are refused with a sentence before a byte of guest memory
 * has changed. */
#include "loader_fixture.h"

TEST(elf_lands_at_its_physical_addresses)
{
    good_elf();
    strcpy(c.cmdline, "console=hvc0 quiet");
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.entry, 0x100004);
    EXPECT_EQ(res.pgdir, 0);
    EXPECT_EQ(res.version, ABI_AUTO);
    EXPECT_EQ(memcmp(ram + 0x100000, image + 0x200, 0x1003), 0);
    EXPECT_EQ(ram[0x101003], 0);
    EXPECT_EQ(ram[0xfffff], 0);
    EXPECT_EQ(memcmp(ram + 0x200000, image + 0x1203, 0x10), 0);
    EXPECT_EQ(ram[0x200010], 0);
    EXPECT_STR((char *)ram + 0x1000, "console=hvc0 quiet");
    fake_gmem_free(g);
    g = NULL;
}

TEST(boot_params_of_an_elf)
{
    good_elf();
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(ram[0x1e8], 1);
    EXPECT_EQ(ram[0x1ef], 0);
    EXPECT_EQ(get32(0x206) & 0xffff, 0x0207);
    EXPECT_EQ(ram[0x210], 0xff);
    EXPECT_EQ(ram[0x211], 0x40);
    EXPECT_EQ(get32(0x218), 0);
    EXPECT_EQ(get32(0x21c), 0);
    EXPECT_EQ(get32(0x228), 0x1000);
    EXPECT_EQ(get32(0x230), 0x1000000);
    EXPECT_EQ(get32(0x23c), 1);
    EXPECT_EQ(get64(0x240), 0);
    EXPECT_EQ(get64(0x2d0), 0);
    EXPECT_EQ(get64(0x2d8), RAM_BYTES);
    EXPECT_EQ(get32(0x2e0), 1);
    EXPECT_EQ(get64(0x58), 0);
    EXPECT_EQ(get32(0x40), 0);
}

TEST(initrd_at_the_top)
{
    static uint8_t rd[0x1801];

    good_elf();
    memset(rd, 0x5a, sizeof(rd));
    c.initrd = (struct blob){rd, sizeof(rd)};
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(get32(0x218), RAM_BYTES - 0x2000);
    EXPECT_EQ(get32(0x21c), 0x2000);
    EXPECT_EQ(memcmp(ram + RAM_BYTES - 0x2000, rd, sizeof(rd)), 0);
    EXPECT_EQ(ram[RAM_BYTES - 0x2000 + 0x1801], 0);
    EXPECT_EQ(ram[RAM_BYTES - 0x2001], 0);
}

TEST(initrd_that_does_not_fit)
{
    static const uint32_t sizes[] = {
        RAM_BYTES - 0x300000 + 1, RAM_BYTES, RAM_BYTES + 1, 0xfffff001, 0xffffffff,
    };
    uint8_t rd[16];

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(sizes); i++) {
        good_elf(); /* the image ends at 3 MiB */
        c.initrd = (struct blob){rd, sizes[i]};
        refused("initrd of");
    }
    good_elf();
    c.initrd.data = calloc(1, 0x100000);
    c.initrd.bytes = 0x100000; /* exactly */
    EXPECT_EQ(load(), 0);
}

TEST(command_lines)
{
    good_elf();
    memset(c.cmdline, 'a', 2047);
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(strlen((char *)ram + 0x1000), 2047);
    EXPECT_EQ(ram[0x1800], 0);
    good_elf();
    memset(c.cmdline, 'a', sizeof(c.cmdline));
    refused("command line has no end");
}

TEST(elf_headers_that_are_wrong)
{
    static const struct {
        uint32_t at;
        uint8_t value;
        const char *why;
    } bad[] = {
        {4, 2, "not for the 32-bit x86"}, /* 64-bit */
        {5, 2, "not for the 32-bit x86"}, /* big-endian */
        {18, 62, "not for the 32-bit x86"}, {19, 1, "not for the 32-bit x86"},
        {16, 1, "type 1"}, {16, 3, "type 3"},
        {42, 31, "program headers of 31"}, {42, 0, "program headers of 0"},
        {43, 1, "program headers"}, {44, 0, "0 program headers"},
        {44, 65, "65 program headers"}, {45, 255, "program headers"},
        {29, 0x20, "ends within its program headers"},
        {31, 0xff, "ends within its program headers"},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        good_elf();
        image[bad[i].at] = bad[i].value;
        refused(bad[i].why);
    }
    good_elf();
    put16(44, 65535);
    refused("65535 program headers");
    good_elf();
    put32(28, 0xffffffe0); /* offset + size wraps */
    refused("ends within its program headers");
}

TEST(elf_truncated_anywhere)
{
    good_elf();
    for (uint32_t n = 0; n < 0x1213; n += n < 0x200 ? 1 : 13) {
        uint8_t *exact = malloc(n ? n : 1);

        memcpy(exact, image, n);
        c.kernel = (struct blob){exact, n};
        EXPECT(load() < 0);
        EXPECT(err[0] != '\0');
        free(exact);
    }
    EXPECT(ram_is_clean());
}

static void one_segment(uint32_t offset, uint32_t paddr, uint32_t filesz,
                        uint32_t memsz, uint32_t entry, const char *why)
{
    const struct seg s[] = {
        {1, 0x200, 0, 0x180000, 0x100, 0x100},
        {1, offset, 0, paddr, filesz, memsz},
    };

    start(RAM_PAGES);
    make_elf(0x2000, entry, s, 2);
    if (why)
        refused(why);
    else
        EXPECT_EQ(load(), 0);
}

TEST(elf_segments_that_are_wrong)
{
    one_segment(0x200, 0x100000, 0x100, 0xff, 0x100000, "in the file");
    one_segment(0x1f01, 0x100000, 0x100, 0x100, 0x100000, "file ends within");
    one_segment(0xffffff80, 0x100000, 0x100, 0x100, 0x100000, "file ends within");
    one_segment(0x200, 0x100000, 0xffffffff, 0xffffffff, 0x100000,
                "file ends within");
    one_segment(0x200, 0x1fff, 0x10, 0x10, 0x1fff, "boot_params");
    one_segment(0x200, 0, 0x10, 0x10, 0, "boot_params");
    one_segment(0x200, RAM_BYTES - 0xff, 0x100, 0x100, 0x180000, "do not fit");
    one_segment(0x200, RAM_BYTES, 0, 1, 0x180000, "do not fit");
    one_segment(0x200, 0xffffff00, 0x100, 0x100, 0x180000, "do not fit");
    one_segment(0x200, 0xffffff00, 0x100, 0x200, 0x180000, "do not fit");
    one_segment(0x200, 0x100000, 0x10, RAM_BYTES, 0x180000, "do not fit");
    one_segment(0x200, 0x2000, 0x10, 0xffffffff, 0x180000, "do not fit");
    one_segment(0x200, 0x1800ff, 0x10, 0x10, 0x180000, "segments 0 and 1 overlap");
    one_segment(0x200, 0x17fff1, 0x10, 0x10, 0x180000, "segments 0 and 1 overlap");
    one_segment(0x200, 0x170000, 0, 0x20000, 0x180000, "overlap");
    one_segment(0x200, 0x190000, 0x10, 0x10, 0x180100, "entry 0x180100");
    one_segment(0x200, 0x190000, 0x10, 0x10, 0x17ffff, "entry 0x17ffff");
    one_segment(0x200, 0x190000, 0x10, 0x10, 0, "entry 0x0");
    one_segment(0x200, 0x190000, 0x10, 0x10, 0xffffffff, "entry 0xffffffff");
}

TEST(elf_segments_at_the_edges)
{
    one_segment(0x200, 0x2000, 0x10, 0x10, 0x2000, NULL);
    one_segment(0x1f00, RAM_BYTES - 0x100, 0x100, 0x100, RAM_BYTES - 1, NULL);
    one_segment(0x200, 0x180100, 0x10, 0x10, 0x180100, NULL);
    one_segment(0x2000, 0x190000, 0, 0x10, 0x180000, NULL); /* only .bss */
    one_segment(0xffffffff, 0x190000, 0, 0, 0x180000, NULL); /* nothing */
}

TEST(sixty_four_headers_and_no_more)
{
    static struct seg s[64];

    start(RAM_PAGES);
    make_elf(0x4000, 0x100000, s, 64);
    put32(28, 0x1000);
    memset(image + 0x1000, 0, 64 * 32);
    for (uint32_t i = 0; i < 64; i++) {
        put32(0x1000 + 32 * i, 1);
        put32(0x1000 + 32 * i + 4, 0x200);
        put32(0x1000 + 32 * i + 12, 0x100000 + i * 0x1000);
        put32(0x1000 + 32 * i + 16, 0x10);
        put32(0x1000 + 32 * i + 20, 0x1000);
    }
    EXPECT_EQ(load(), 0);
}

TEST(tiny_memory)
{
    good_elf();
    g->ram_pages = 0;
    EXPECT(load() < 0);
    g->ram_pages = 1;
    EXPECT(load() < 0);
    g->ram_pages = RAM_PAGES;
    EXPECT(ram_is_clean());
}

/* ---- versions ---- */

TEST(versions_and_rows)
{
    static const struct {
        const char *text;
        enum abi_revision rev;
    } cases[] = {
        {"2.6.23", ABI_AUTO}, {"2.6.24", ABI_2_6_24}, {"2.6.24-rc1", ABI_2_6_24},
        {"2.6.29.6", ABI_2_6_24}, {"2.6.30", ABI_2_6_30}, {"2.6.31", ABI_2_6_31},
        {"2.6.35.4-x", ABI_2_6_31}, {"2.6.39.4", ABI_2_6_31}, {"3.0", ABI_2_6_31},
        {"3.0.101", ABI_2_6_31}, {"3.1", ABI_3_1}, {"3.11.10", ABI_3_1},
        {"3.19.8-ckt", ABI_3_1}, {"4.0", ABI_3_1}, {"4.0.9", ABI_3_1},
        {"4.1.0", ABI_4_1}, {"4.9.0 (a@b) #1", ABI_4_1}, {"4.13.16", ABI_4_1},
        {"4.14", ABI_AUTO}, {"5.10.0", ABI_AUTO}, {"6.1.0", ABI_AUTO},
        {"2.4.37", ABI_AUTO}, {"1.2.13", ABI_AUTO}, {"", ABI_AUTO}, {"4", ABI_AUTO},
        {"4.", ABI_AUTO}, {".4.9", ABI_AUTO}, {"x4.9", ABI_AUTO}, {"%s", ABI_AUTO},
        {"4.99999.1", ABI_AUTO}, {"4.0010", ABI_4_1}, {"4.00010", ABI_AUTO},
        {"99999.1.1", ABI_AUTO}, {"3.-1", ABI_AUTO},
        {"2.6", ABI_AUTO}, {"0.0.0", ABI_AUTO}, {"9999.9999.9999", ABI_AUTO},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(cases); i++) {
        uint32_t n = (uint32_t)strlen(cases[i].text);
        char *exact = malloc(n ? n : 1);

        memcpy(exact, cases[i].text, n);
        if (abi_revision_of_version(exact, n) != cases[i].rev)
            test_fail(__FILE__, __LINE__, "%s", cases[i].text);
        free(exact);
    }
    EXPECT_EQ(abi_revision_of_version("4.13", 3), ABI_4_1); /* 4.1 */
}

TEST(version_in_an_elf)
{
    good_elf();
    memcpy(image + 0x300, "Linux version %s, Linux version 3.11.10 (gcc)", 45);
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.version, ABI_3_1);
    EXPECT_EQ(res.pgdir, 0);

    good_elf(); /* at the very end of a segment */
    memcpy(image + 0x1203 - 17, "Linux version 4.9", 17);
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.version, ABI_4_1);

    good_elf(); /* outside the segments it says nothing */
    memcpy(image + 0x1400, "Linux version 4.9", 17);
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.version, ABI_AUTO);

    good_elf();
    memcpy(image + 0x300, "Linux version 2.6.22.1 (gcc)", 28);
    refused("Linux 2.6.22 is too old");

    good_elf();
    memcpy(image + 0x300, "Linux version 4.14.1 (gcc)", 26);
    refused("Linux 4.14.1 ");
    EXPECT(strstr(err, "2.6.24 to 4.13") != NULL);

    good_elf();
    memcpy(image + 0x1200, "Gen", 3); /* across nothing: the segment ends */
    EXPECT_EQ(load(), 0);
    good_elf();
    memcpy(image + 0x400, "GenuineLguest", 13);
    refused("2.6.23");
}

/* Texts that go on behind the end of their segment are not there. */
TEST(scans_stop_at_the_end_of_a_segment)
{
    good_elf();
    memcpy(image + 0x1213 - 5, "GenuineLguest", 13);
    EXPECT_EQ(load(), 0);
    good_elf();
    memcpy(image + 0x1213 - 16, "Linux version 4.11", 18);
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.version, ABI_AUTO); /* "4." */
    good_elf();
    memcpy(image + 0x1213 - 10, "Linux version 4.11", 18);
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.version, ABI_AUTO);
}

TEST(long_scans_have_preemption_points)
{
    static const struct seg s[] = {{1, 0x200, 0, 0x100000, 0x180000, 0x180000}};

    start(RAM_PAGES);
    make_elf(0x200000, 0x100000, s, 1);
    fake_arch.preempt_points = 0;
    EXPECT_EQ(load(), 0);
    /* scan by 4 KiB (12 instructions a byte), copy by 32 KiB; not at every byte either */
    EXPECT(fake_arch.preempt_points >= 0x180000 / 4096 + 0x180000 / 32768);
    EXPECT(fake_arch.preempt_points < 0x180000 / 1024);
    EXPECT_EQ(memcmp(ram + 0x100000, image + 0x200, 0x180000), 0);
}
