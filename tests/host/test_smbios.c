/* SPDX-License-Identifier: MIT */
/* SMBIOS: names out of structures that are good, cut, or lie about strings. */
#include "fake.h"
#include "test.h"

#include "../../drivers/firmware/smbios.h"
#include "hv/boot_info.h"
#include "hv/firmware.h"

/* BIOS information, system, two boards, end; numbers of strings at their
 * places (7.1 to 7.3 of SMBIOS 3.5). */
#define BIOS "\x00\x09\0\0\x01\x02\0\0\x03" "Maker\0" "v1.2\0" "01/02/2003\0"
#define SYSTEM "\x01\x08\x01\0\x01\x02\x03\0" "ACME \0" "Roadrunner\0" "rev\t9\0"
#define BOARD "\x02\x06\x02\0\x01\x02" "ACME\0" "B-1\0"
#define BOARD2 "\x02\x06\x02\0\x01\x01" "second\0"
#define END "\x7f\x04\x03\0" "\0"

static const char good[] = BIOS "\0" SYSTEM "\0" BOARD "\0" BOARD2 "\0" END "\0"
                           "\x01\x08\x01\0\x01\0\0\0" "behind the end\0";

static struct machine_info parse(const char *bytes, uint32_t n)
{
    struct machine_info m = {.vendor = ""};
    uint8_t *exact = malloc(n ? n : 1);

    memcpy(exact, bytes, n);
    smbios_parse(&m, exact, n);
    free(exact);
    return m;
}

TEST(smbios_names)
{
    struct machine_info m = parse(good, sizeof(good));

    EXPECT_STR(m.bios_vendor, "Maker");
    EXPECT_STR(m.bios_version, "v1.2");
    EXPECT_STR(m.bios_date, "01/02/2003");
    EXPECT_STR(m.vendor, "ACME");
    EXPECT_STR(m.product, "Roadrunner");
    EXPECT_STR(m.version, "rev?9");
    EXPECT_STR(m.board_vendor, "ACME");
    EXPECT_STR(m.board, "B-1");
}

/* Cut anywhere: no byte behind the cut is read, whole structures count. */
TEST(smbios_cut)
{
    uint32_t bios = sizeof(BIOS), system = bios + sizeof(SYSTEM);

    for (uint32_t n = 0; n < sizeof(good); n++) {
        struct machine_info m = parse(good, n);

        EXPECT_STR(m.bios_vendor, n >= bios ? "Maker" : "");
        EXPECT_STR(m.product, n >= system ? "Roadrunner" : "");
    }
}

TEST(smbios_strings_that_are_not_there)
{
    struct machine_info m = parse("\x01\x08\0\0\x02\x09\xff\0only\0", 14);

    EXPECT_STR(m.vendor, "");
    EXPECT_STR(m.product, "");
    m = parse("\x01\x05\0\0\x01" "vendor alone\0", 5 + 14);
    EXPECT_STR(m.vendor, "vendor alone");
    EXPECT_STR(m.product, "");
    m = parse("\x01\x04\0\0\0\0" SYSTEM "\0", 6 + sizeof(SYSTEM) + 1);
    EXPECT_STR(m.product, "Roadrunner");
    m = parse("\x01\x03\0\0\0\0" SYSTEM "\0", 6 + sizeof(SYSTEM) + 1);
    EXPECT_STR(m.product, ""); /* shorter than its own header */
}

TEST(smbios_long_and_hostile_strings)
{
    char text[400] = "\x01\x08\0\0\x01\x02\x02";
    struct machine_info m;

    memset(text + 8, 'x', 300);
    memcpy(text + 309, "\033[2J\x80\xff", 6);
    m = parse(text, 309 + 8);
    EXPECT_EQ(strlen(m.vendor), sizeof(m.vendor) - 1);
    EXPECT_STR(m.product, "?[2J??");
}

/* ---- entry points ---- */

static uint8_t segment[0x10000];

static void fix(uint8_t *p, uint32_t n, uint32_t at)
{
    p[at] = 0;
    for (uint32_t i = 0; i < n; i++)
        p[at] = (uint8_t)(p[at] - (i == at ? 0 : p[i]));
}

static void put_old(uint8_t *p)
{
    memcpy(p, "_SM_", 4);
    p[5] = 31;
    p[22] = (uint8_t)sizeof(good);
    p[26] = 0x0f; /* 0x000f0000 */
    p[25] = 0x80;
    fix(p, 31, 4);
}

static void put_new(uint8_t *p)
{
    memcpy(p, "_SM3_", 5);
    p[6] = 24;
    p[12] = (uint8_t)sizeof(good);
    p[18] = 0x0f;
    p[17] = 0x80;
    fix(p, 24, 5);
}

static void start(void)
{
    memset(&machine_info, 0, sizeof(machine_info));
    memset(&boot_info, 0, sizeof(boot_info));
    memset(segment, 0, sizeof(segment));
    memcpy(segment + 0x8000, good, sizeof(good));
    fake_phys_clear();
    fake_phys_add(0xf0000, segment, sizeof(segment));
}

TEST(smbios_in_the_bios_segment)
{
    start();
    put_old(segment + 0x10);
    smbios_init();
    EXPECT_STR(machine_info.product, "Roadrunner");
    start();
    put_new(segment + 0xfff0 - 32);
    smbios_init();
    EXPECT_STR(machine_info.product, "Roadrunner");
    start();
    put_old(segment + 0x18); /* not on a border of 16 bytes */
    put_old(segment + 0x30);
    segment[0x30 + 8] ^= 1; /* wrong sum */
    smbios_init();
    EXPECT_STR(machine_info.product, "");
    smbios_report();
    EXPECT(fake_log_has("does not say its name"));
}

/* The loader's copy makes looking unnecessary; a table at nowhere is told. */
TEST(smbios_other_sources)
{
    start();
    put_old(segment);
    strcpy(machine_info.product, "from the loader");
    smbios_init();
    EXPECT_STR(machine_info.product, "from the loader");
    start();
    put_old(segment);
    segment[27] = 0x7f;
    fix(segment, 31, 4);
    smbios_init();
    EXPECT(fake_log_has("cannot be read"));
}

TEST(smbios_entry_lengths)
{
    struct smbios_entry e;
    uint8_t p[31];

    for (uint32_t length = 0; length < 256; length++) {
        memset(p, 0, sizeof(p));
        put_old(p);
        p[5] = (uint8_t)length;
        fix(p, length < 31 ? length : 31, 4);
        EXPECT_EQ(smbios_parse_entry(p, 31, &e), length == 30 || length == 31);
        EXPECT(!smbios_parse_entry(p, 30, &e) || length == 30);
    }
}
