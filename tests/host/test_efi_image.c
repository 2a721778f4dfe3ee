/* SPDX-License-Identifier: MIT */
/* The monitor's file as the UEFI loader reads it: a small ELF32 with a multiboot2
 * header, then broken in one place at a time and cut at every byte. */
#include "efi/image.h"
#include "test.h"

#define BYTES 0x180u
#define PH(i) (52u + 32u * (i))
#define HEADER 0xc0u /* the multiboot2 header */
#define CODE 0x100u

static uint8_t file[BYTES];
static struct image im;

static void put16(uint32_t at, uint32_t v)
{
    file[at] = (uint8_t)v;
    file[at + 1] = (uint8_t)(v >> 8);
}

static void put32(uint32_t at, uint32_t v)
{
    put16(at, v & 0xffff);
    put16(at + 2, v >> 16);
}

static void segment(uint32_t i, uint32_t from, uint32_t to, uint32_t filesz,
                    uint32_t memsz, uint32_t flags)
{
    const uint32_t words[8] = {1, from, to, to, filesz, memsz, flags, 4096};

    for (uint32_t k = 0; k < 8; k++)
        put32(PH(i) + 4 * k, words[k]);
}

/* Code at 1 MiB, a note, data with a zeroed tail at 1 MiB + 8 KiB. */
static void build(void)
{
    memset(file, 0, sizeof(file));
    memcpy(file, "\177ELF\1\1\1", 7);
    put16(16, 2);
    put16(18, 3);
    put32(20, 1);
    put32(24, 0x100010);
    put32(28, 52);
    put16(40, 52);
    put16(42, 32);
    put16(44, 3);
    segment(0, CODE, 0x100000, 0x40, 0x40, 5);
    segment(1, CODE, 0x100000, 0x40, 0x40, 4);
    put32(PH(1), 4); /* a note loads nothing */
    segment(2, CODE + 0x40, 0x102000, 0x40, 0x1000, 6);
    put32(HEADER, 0xe85250d6);
    put32(HEADER + 8, 16);
    put32(HEADER + 12, 0u - 0xe85250d6u - 16u);
}

/* From memory of its exact size. */
static const char *parse(uint32_t bytes)
{
    uint8_t *exact = malloc(bytes > 0 ? bytes : 1);
    const char *why;

    memcpy(exact, file, bytes);
    why = image_parse(&im, exact, bytes);
    free(exact);
    return why;
}

TEST(image_good)
{
    build();
    REQUIRE(parse(BYTES) == NULL);
    EXPECT_EQ(im.entry, 0x100010);
    EXPECT_EQ(im.base, 0x100000);
    EXPECT_EQ(im.bytes, 0x3000);
    REQUIRE(im.n == 2);
    EXPECT_EQ(im.segment[1].to, 0x102000);
    EXPECT_EQ(im.segment[1].from, CODE + 0x40);
    EXPECT_EQ(im.segment[1].file_bytes, 0x40);
    EXPECT_EQ(im.segment[1].bytes, 0x1000);
}

TEST(image_cut_at_every_byte)
{
    build();
    for (uint32_t n = 0; n < CODE + 0x80; n++)
        EXPECT(parse(n) != NULL);
    EXPECT(parse(CODE + 0x80) == NULL);
}

TEST(image_not_an_elf)
{
    static const uint8_t at[] = {0, 1, 2, 3, 4, 5, 6};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(at); i++) {
        build();
        file[at[i]] ^= 3;
        EXPECT_STR(parse(BYTES), "not an ELF32 file");
    }
    build();
    put16(16, 3); /* position-independent */
    EXPECT_STR(parse(BYTES), "not an executable for the i386");
    build();
    put16(18, 62); /* x86-64 */
    EXPECT_STR(parse(BYTES), "not an executable for the i386");
}

TEST(image_needs_the_header)
{
    for (uint32_t at = HEADER; at < HEADER + 16; at++) {
        build();
        file[at] ^= 1;
        EXPECT_STR(parse(BYTES), "it has no multiboot2 header");
    }
    /* For another architecture, with a good sum. */
    build();
    put32(HEADER + 4, 4);
    put32(HEADER + 12, 0u - 0xe85250d6u - 20u);
    EXPECT_STR(parse(BYTES), "it has no multiboot2 header");
}

TEST(image_bad_program_headers)
{
    build();
    put16(42, 31);
    EXPECT_STR(parse(BYTES), "its program headers are not in the file");
    build();
    put32(28, 0xfffffff0);
    EXPECT_STR(parse(BYTES), "its program headers are not in the file");
    build();
    put16(44, 0xffff);
    EXPECT_STR(parse(BYTES), "its program headers are not in the file");
    build();
    put16(44, 0);
    EXPECT_STR(parse(BYTES), "it has nothing to load");
}

TEST(image_bad_segments)
{
    static const struct {
        uint32_t at, value;
        const char *why;
    } bad[] = {
        {PH(2) + 4, 0xffffffff, "a segment is not in the file: is it cut off?"},
        {PH(2) + 4, BYTES - 0x3f, "a segment is not in the file: is it cut off?"},
        {PH(2) + 16, 0x1001, "a segment is not in the file: is it cut off?"},
        {PH(2) + 16, 0xffffffff, "a segment is not in the file: is it cut off?"},
        {PH(2) + 20, 0, "a segment is not in the file: is it cut off?"},
        {PH(2) + 12, 0xfffff, "a segment belongs below 1 MiB"},
        {PH(2) + 12, 0xfffff001, "a segment goes beyond 4 GiB"},
        {PH(2) + 12, 0x10003f, "two segments overlap"},
        {PH(2) + 12, 0x100000 + (64u << 20) - 0xfff, "its segments span more than 64 MiB"},
        {24, 0xfffff, "its entry point is not in its code"},
        {24, 0x100040, "its entry point is not in its code"},
        {24, 0x102000, "its entry point is not in its code"},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        build();
        put32(bad[i].at, bad[i].value);
        EXPECT_STR(parse(BYTES), bad[i].why);
    }
}

TEST(image_edges_that_are_good)
{
    build();
    put32(PH(2) + 4, BYTES - 0x40); /* ends with the file */
    EXPECT(parse(BYTES) == NULL);
    build();
    put32(PH(2) + 12, 0x100040); /* right behind the code */
    EXPECT(parse(BYTES) == NULL);
    build();
    put32(PH(2) + 12, 0x100000 + (64u << 20) - 0x1000);
    EXPECT(parse(BYTES) == NULL);
    EXPECT_EQ(im.bytes, 64u << 20);
    build();
    put32(24, 0x10003f);
    EXPECT(parse(BYTES) == NULL);
}

TEST(image_more_segments_than_places)
{
    static uint8_t big[4096];

    build();
    memcpy(big, file, BYTES);
    memcpy(file + 44, "\x11", 1);
    memcpy(big + 44, "\x11\0", 2);
    memcpy(big + 28, "\0\x04\0\0", 4);
    for (uint32_t i = 0; i < 17; i++) {
        segment(0, CODE, 0x100000 + i * 0x1000, 0x40, 0x40, 5);
        memcpy(big + 0x400 + 32 * i, file + PH(0), 32);
    }
    EXPECT_STR(image_parse(&im, big, sizeof(big)), "it has more than 16 segments");
    memcpy(big + 44, "\x10", 1);
    EXPECT(image_parse(&im, big, sizeof(big)) == NULL);
    EXPECT_EQ(im.n, 16);
}
