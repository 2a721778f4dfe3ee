/* SPDX-License-Identifier: MIT */
/* The memory map and the module list of struct boot_info, whatever format they
 * came in: order, overlap, rounding, limits, places where no module may lie.
 * The map is compared with a model that colours page by page. */
#include "boot.h"
#include "fake.h"
#include "test.h"

static struct boot_info bi;

static void clear(void)
{
    memset(&bi, 0, sizeof(bi));
    fake_log_clear();
}

static void expect_region(uint32_t i, uint64_t base, uint64_t bytes, int type)
{
    REQUIRE(i < bi.nr_regions);
    EXPECT_EQ(bi.regions[i].base, base);
    EXPECT_EQ(bi.regions[i].bytes, bytes);
    EXPECT_EQ(bi.regions[i].type, type);
}

TEST(a_pc_map)
{
    clear();
    boot_info_add_region(&bi, 0, 0x9fc00, 1);
    boot_info_add_region(&bi, 0x9fc00, 0x400, 2);
    boot_info_add_region(&bi, 0xf0000, 0x10000, 2);
    boot_info_add_region(&bi, 0x100000, 0x7ee0000, 1);
    boot_info_add_region(&bi, 0x7fe0000, 0x20000, 2);
    boot_info_add_region(&bi, 0x100000000ull, 0x40000000, 1);
    EXPECT_EQ(bi.nr_regions, 6);
    expect_region(0, 0, 0x9f000, 1);
    expect_region(1, 0x9f000, 0x1000, 2);
    expect_region(2, 0xf0000, 0x10000, 2);
    expect_region(3, 0x100000, 0x7ee0000, 1);
    expect_region(4, 0x7fe0000, 0x20000, 2);
    expect_region(5, 0x100000000ull, 0x40000000, 1);
    EXPECT_EQ(bi.complaints, 0);
}

TEST(order_does_not_matter)
{
    clear();
    boot_info_add_region(&bi, 0x300000, 0x100000, 1);
    boot_info_add_region(&bi, 0x100000, 0x100000, 1);
    boot_info_add_region(&bi, 0x200000, 0x100000, 2);
    EXPECT_EQ(bi.nr_regions, 3);
    expect_region(0, 0x100000, 0x100000, 1);
    expect_region(1, 0x200000, 0x100000, 2);
    expect_region(2, 0x300000, 0x100000, 1);
}

TEST(neighbours_of_one_type_join)
{
    clear();
    boot_info_add_region(&bi, 0x100000, 0x100000, 1);
    boot_info_add_region(&bi, 0x300000, 0x100000, 1);
    boot_info_add_region(&bi, 0x200000, 0x100000, 1);
    EXPECT_EQ(bi.nr_regions, 1);
    expect_region(0, 0x100000, 0x300000, 1);
}

TEST(the_more_restrictive_type_wins)
{
    static const int order[] = {1, 3, 4, 2, 5}; /* RAM ACPI NVS reserved bad */

    for (uint32_t a = 0; a < 5; a++) {
        for (uint32_t b = 0; b < 5; b++) {
            clear();
            boot_info_add_region(&bi, 0x1000, 0x3000, (uint32_t)order[a]);
            boot_info_add_region(&bi, 0x2000, 0x1000, (uint32_t)order[b]);
            if (b <= a) {
                EXPECT_EQ(bi.nr_regions, 1);
                expect_region(0, 0x1000, 0x3000, order[a]);
            } else {
                EXPECT_EQ(bi.nr_regions, 3);
                expect_region(0, 0x1000, 0x1000, order[a]);
                expect_region(1, 0x2000, 0x1000, order[b]);
                expect_region(2, 0x3000, 0x1000, order[a]);
            }
        }
    }
}

TEST(ram_shrinks_to_pages_and_the_rest_grows)
{
    clear();
    boot_info_add_region(&bi, 0x1001, 0x2ffe, 1);
    EXPECT_EQ(bi.nr_regions, 1);
    expect_region(0, 0x2000, 0x1000, 1);
    clear();
    boot_info_add_region(&bi, 0x1fff, 2, 2);
    expect_region(0, 0x1000, 0x2000, 2);
    clear();
    boot_info_add_region(&bi, 0x1001, 0xffe, 1); /* no whole page */
    EXPECT_EQ(bi.nr_regions, 0);
}

TEST(wrapping_and_huge_ranges)
{
    clear();
    boot_info_add_region(&bi, 0xfffffffffffff000ull, 0x2000, 1);
    boot_info_add_region(&bi, 1ull << 44, 0x1000, 1);
    boot_info_add_region(&bi, 0x1000, 0, 1);
    EXPECT_EQ(bi.nr_regions, 0);
    boot_info_add_region(&bi, 0x100000, UINT64_MAX, 1);
    EXPECT_EQ(bi.nr_regions, 1);
    expect_region(0, 0x100000, (1ull << 44) - 0x100000, 1);
    boot_info_add_region(&bi, 0, UINT64_MAX, 2);
    EXPECT_EQ(bi.nr_regions, 1);
    expect_region(0, 0, 1ull << 44, 2);
}

TEST(unknown_types_are_reserved)
{
    static const uint32_t types[] = {0, 6, 7, 12, 0xffffffff, 0x80000001};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(types); i++) {
        clear();
        boot_info_add_region(&bi, 0x1000, 0x1000, types[i]);
        expect_region(0, 0x1000, 0x1000, 2);
    }
}

/* Random maps in a space of 256 pages against colouring each page. */
TEST(random_maps_against_a_model)
{
    static const uint8_t rank[6] = {0, 1, 4, 2, 3, 5};
    struct test_rng r = {42};

    for (uint32_t round = 0; round < 3000; round++) {
        uint8_t type_of[256] = {0};
        uint32_t n = 1 + test_random_below(&r, 24);

        clear();
        for (uint32_t i = 0; i < n; i++) {
            uint32_t first = test_random_below(&r, 256);
            uint32_t len = 1 + test_random_below(&r, 256 - first);
            uint8_t type = (uint8_t)(1 + test_random_below(&r, 5));

            boot_info_add_region(&bi, first * 4096ull, len * 4096ull, type);
            for (uint32_t p = first; p < first + len; p++) {
                if (rank[type] > rank[type_of[p]])
                    type_of[p] = type;
            }
        }
        uint8_t got[256] = {0};

        for (uint32_t i = 0; i < bi.nr_regions; i++) {
            const struct boot_region *g = &bi.regions[i];

            REQUIRE(g->bytes > 0 && g->base + g->bytes <= 256 * 4096);
            if (i > 0) {
                const struct boot_region *before = &bi.regions[i - 1];

                REQUIRE(before->base + before->bytes <= g->base);
                REQUIRE(before->base + before->bytes < g->base ||
                        before->type != g->type);
            }
            memset(got + g->base / 4096, g->type, g->bytes / 4096);
        }
        REQUIRE(memcmp(got, type_of, sizeof(got)) == 0);
    }
}

/* More pieces than fit: holes, but never RAM where something else was. */
TEST(a_full_map_never_makes_ram)
{
    clear();
    for (uint32_t i = 0; i < 400; i++)
        boot_info_add_region(&bi, i * 0x2000ull, 0x1000, 2);
    EXPECT(bi.regions_full);
    EXPECT_EQ(bi.complaints, 1);
    boot_info_add_region(&bi, 0, 0x10000000, 1);
    for (uint32_t i = 0; i < bi.nr_regions; i++)
        EXPECT(bi.regions[i].type != BOOT_REGION_RAM);

    clear();
    boot_info_add_region(&bi, 0, 0x10000000, 1);
    for (uint32_t i = 0; i < 400; i++)
        boot_info_add_region(&bi, i * 0x2000ull, 0x1000, 2);
    EXPECT(bi.nr_regions <= BOOT_MAX_REGIONS);
    for (uint32_t i = 0; i < bi.nr_regions; i++) {
        const struct boot_region *g = &bi.regions[i];

        if (g->type == BOOT_REGION_RAM && g->base < 400 * 0x2000)
            EXPECT((g->base & 0x1000) != 0 &&
                   (g->bytes == 0x1000 || g->base >= 399 * 0x2000));
    }
}

TEST(basic_memory)
{
    clear();
    bi.lower_kib = 639;
    bi.upper_kib = 64 * 1024 - 1;
    boot_info_finish_map(&bi);
    EXPECT_EQ(bi.nr_regions, 2);
    expect_region(0, 0, 0x9f000, 1);
    expect_region(1, 0x100000, 0x3fff000, 1);
    clear();
    bi.lower_kib = bi.upper_kib = 0xffffffff;
    boot_info_finish_map(&bi);
    expect_region(0, 0, 0xa0000, 1);
    EXPECT_EQ(bi.nr_regions, 2);
    clear();
    bi.lower_kib = bi.upper_kib = 640;
    boot_info_add_region(&bi, 0x200000, 0x1000, 1);
    boot_info_finish_map(&bi);
    EXPECT_EQ(bi.nr_regions, 1); /* a map is all there is */
}

/* ---- modules ---- */

static struct boot_string text(const char *s)
{
    return (struct boot_string){s, (uint32_t)strlen(s), 0};
}

static void one_module(uint64_t base, uint64_t bytes)
{
    clear();
    boot_info_add_region(&bi, 0, 0xa0000, 1);
    boot_info_add_region(&bi, 0x100000, 0xf00000, 1);
    boot_info_add_region(&bi, 0xb0000000, 0x60000000, 1);
    boot_info_add_module(&bi, base, bytes, text("m"));
    boot_info_finish(&bi);
}

TEST(a_module_in_ram)
{
    one_module(0x200000, 0x1001);
    EXPECT_EQ(bi.nr_modules, 1);
    EXPECT_EQ(bi.modules[0].base, 0x200000);
    EXPECT_EQ(bi.modules[0].bytes, 0x1001);
    EXPECT_STR(bi.modules[0].string, "m");
    EXPECT_EQ(log_config_errors(), 0);
    one_module(0xb0000000, 0x1000); /* the first page of a region */
    EXPECT_EQ(bi.nr_modules, 1);
    one_module(0x1000, 1); /* just above page 0 */
    EXPECT_EQ(bi.nr_modules, 1);
    one_module(0x180000, 0xe80000); /* from the monitor's end to that of RAM */
    EXPECT_EQ(bi.nr_modules, 1);
    one_module(0xfffff000, 0x1000); /* the last page that has an address */
    EXPECT_EQ(bi.nr_modules, 1);
}

TEST(places_where_no_module_may_lie)
{
    static const struct {
        uint64_t base, bytes;
        const char *why;
    } bad[] = {
        {0, 0x1000, "page 0"},
        {0xfff, 0x1000, "page 0"},
        {0x100000, 0x1000, "over the monitor"},
        {0x17ffff, 0x1000, "over the monitor"},
        {0x9f000, 0x100000, "over the monitor"},
        {0x9f000, 0x2000, "not lie in RAM"},
        {0xfff000, 0x1001, "not lie in RAM"},
        {0x2000000, 0x1000, "not lie in RAM"},
        {0xfffff000, 0x1001, "above what can be reached"},
        {0xfffff000, 0x2000, "above what can be reached"},
        {0x100000000ull, 0x1000, "above what can be reached"},
        {0xffffffffffffffffull, 2, "above what can be reached"},
        {0x1000, 0xffffffffffffffffull, "above what can be reached"},
        {0x200000, 0, "empty"},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        one_module(bad[i].base, bad[i].bytes);
        EXPECT_EQ(bi.nr_modules, 0);
        EXPECT_EQ(log_config_errors(), 1);
        EXPECT_EQ(bi.complaints, 1);
        if (!fake_log_has(bad[i].why))
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i].why, fake_log_last());
    }
}

TEST(overlapping_modules_the_first_stays)
{
    clear();
    boot_info_add_region(&bi, 0x100000, 0xf00000, 1);
    boot_info_add_module(&bi, 0x200000, 0x2000, text("a"));
    boot_info_add_module(&bi, 0x201fff, 0x2000, text("b"));
    boot_info_add_module(&bi, 0x202000, 0x1000, text("c"));
    boot_info_add_module(&bi, 0x200000, 0x2000, text("d"));
    boot_info_finish(&bi);
    EXPECT_EQ(bi.nr_modules, 2);
    EXPECT_STR(bi.modules[0].string, "a");
    EXPECT_STR(bi.modules[1].string, "c");
    EXPECT_EQ(log_config_errors(), 2);
    EXPECT(fake_log_has("module \"b\" at 0x201fff"));
}

TEST(more_than_64_modules)
{
    clear();
    boot_info_add_region(&bi, 0x100000, 0xf00000, 1);
    for (uint32_t i = 0; i < 70; i++)
        boot_info_add_module(&bi, 0x200000 + i * 0x1000, 0x1000, text("m"));
    boot_info_finish(&bi);
    EXPECT_EQ(bi.nr_modules, 64);
    EXPECT_EQ(log_config_errors(), 1);
    EXPECT(fake_log_has("more than 64 modules"));
}

TEST(no_memory_at_all)
{
    clear();
    boot_info_add_module(&bi, 0x200000, 0x1000, text("m"));
    boot_info_finish(&bi);
    EXPECT_EQ(bi.nr_modules, 0);
    EXPECT(fake_log_has("no memory map"));
}

TEST(module_strings)
{
    static char long_text[BOOT_MODSTR_BYTES + 10];

    memset(long_text, 'x', sizeof(long_text) - 1);
    clear();
    boot_info_add_region(&bi, 0x100000, 0xf00000, 1);
    boot_info_add_module(&bi, 0x200000, 1, text(long_text));
    EXPECT_EQ(bi.nr_modules, 0);
    EXPECT_EQ(log_config_errors(), 1);
    long_text[BOOT_MODSTR_BYTES - 1] = '\0';
    for (uint32_t i = 0; i < 7; i++) /* 7 * 2304 = 16128 of 16384 */
        boot_info_add_module(&bi, 0x200000 + i * 0x1000, 1, text(long_text));
    EXPECT_EQ(bi.nr_modules, 7);
    EXPECT_EQ(strlen(bi.modules[6].string), BOOT_MODSTR_BYTES - 1);
    boot_info_add_module(&bi, 0x300000, 1, text(long_text));
    EXPECT_EQ(bi.nr_modules, 7);
    boot_info_add_module(&bi, 0x300000, 1, text("short"));
    EXPECT_EQ(bi.nr_modules, 8);
    EXPECT_EQ(log_config_errors(), 2);
    /* A string that ends where its buffer does, without NUL. */
    boot_info_add_module(&bi, 0x301000, 1, (struct boot_string){"abcdef", 3, 0});
    EXPECT_STR(bi.modules[8].string, "abc");
    /* No string is an empty one. */
    boot_info_add_module(&bi, 0x302000, 1, (struct boot_string){NULL, 0, 0});
    EXPECT_STR(bi.modules[9].string, "");
    /* An address that cannot be read. */
    boot_info_add_module(&bi, 0x303000, 1, (struct boot_string){NULL, 0, 0x5000});
    EXPECT_EQ(bi.nr_modules, 10);
    EXPECT(fake_log_has("string not readable"));
}

/* ---- command line, RS-07 ---- */

TEST(command_line_of_any_length)
{
    static char big[65536];

    for (uint32_t i = 0; i < sizeof(big) - 1; i++)
        big[i] = i % 8 == 7 ? ' ' : 'a';
    clear();
    boot_info_set_cmdline(&bi, text(big));
    EXPECT(strlen(bi.cmdline) < BOOT_CMDLINE_BYTES);
    EXPECT_EQ(strlen(bi.cmdline) % 8, 0); /* no half word is left */
    EXPECT_EQ(log_config_errors(), 1);

    /* ... but for the key of a word that was cut: the parser refuses it. */
    memcpy(big + BOOT_CMDLINE_BYTES - 100, " test=", 6);
    memset(big + BOOT_CMDLINE_BYTES - 94, 'x', 90);
    memset(big + BOOT_CMDLINE_BYTES - 4, 'x', 10);
    clear();
    boot_info_set_cmdline(&bi, text(big));
    EXPECT_EQ(strlen(bi.cmdline), BOOT_CMDLINE_BYTES - 94);
    EXPECT_STR(bi.cmdline + BOOT_CMDLINE_BYTES - 100, " test=");
    EXPECT(fake_log_has("longer than 2047 bytes"));

    big[BOOT_CMDLINE_BYTES - 1] = '\0';
    clear();
    boot_info_set_cmdline(&bi, text(big));
    EXPECT_EQ(strlen(bi.cmdline), BOOT_CMDLINE_BYTES - 1);
    EXPECT_EQ(log_config_errors(), 0);

    /* In memory that ends before the string does. */
    memset(big, 'b', sizeof(big));
    fake_phys_add(0x8000, big, 100);
    clear();
    boot_info_set_cmdline(&bi, (struct boot_string){NULL, 0, 0x8000});
    EXPECT_STR(bi.cmdline, "");
    EXPECT_EQ(log_config_errors(), 1);
    EXPECT(fake_log_has("not readable to its end"));
    memcpy(big + 40, "two words", 10);
    clear();
    boot_info_set_cmdline(&bi, (struct boot_string){NULL, 0, 0x8000 + 40});
    EXPECT_STR(bi.cmdline, "two words");
}

/* ---- framebuffer ---- */

TEST(framebuffer_sense_and_nonsense)
{
    const struct boot_framebuffer good = {
        0xfd000000, 2400, 800, 600, 24, 16, 8, 8, 8, 0, 8,
    };
    struct boot_framebuffer fb[] = {
        good, good, good, good, good, good, good, good, good, good,
    };

    clear();
    boot_info_set_framebuffer(&bi, &good);
    EXPECT_EQ(bi.fb.width, 800);
    EXPECT_EQ(bi.complaints, 0);
    fb[0].bpp = 16; /* 5:6:5 and eight bits of padding are good, too */
    fb[0].red_pos = 11;
    fb[0].red_bits = fb[0].blue_bits = 5;
    fb[0].green_pos = 5;
    fb[0].green_bits = 6;
    clear();
    boot_info_set_framebuffer(&bi, &fb[0]);
    EXPECT_EQ(bi.fb.bpp, 16);
    fb[0].bpp = 32;
    fb[0].pitch_bytes = 3200;
    boot_info_set_framebuffer(&bi, &fb[0]);
    EXPECT_EQ(bi.fb.bpp, 32);
    fb[0] = good;
    fb[0].base = 0;
    fb[1].pitch_bytes = 2399;
    fb[2].width = 0;
    fb[3].height = 0xffffffff;
    fb[4].bpp = 8;
    fb[5].bpp = 255;
    fb[6].red_pos = 17;
    fb[7].width = 0x80000000;
    fb[8].pitch_bytes = 0xffffffff;
    fb[9].base = 0xffffffffffffff00ull;
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(fb); i++) {
        clear();
        boot_info_set_framebuffer(&bi, &fb[i]);
        EXPECT_EQ(bi.fb.base, 0);
        EXPECT_EQ(bi.complaints, 1);
    }
}

TEST(unknown_magic)
{
    boot_info_init(0x12345678, 0);
    EXPECT_EQ(boot_info.nr_modules, 0);
    EXPECT(fake_log_has("unknown loader: magic 0x12345678"));
}
