/* SPDX-License-Identifier: MIT */
/* bzImages (ABI 1.1, RS-06) and the page tables that kernels before 3.1 expect
 * (ABI 1.5), the latter walked as the CPU would. */
#include "loader_fixture.h"

/* ---- boot page tables, ABI 1.5 ---- */

/* Walks the tables as the CPU would: guest-physical address, or ~0. */
static uint64_t walk(uint32_t va, bool pae)
{
    uint64_t e;
    uint32_t table = res.pgdir;

    if (!pae) {
        e = get32(table + (va >> 22) * 4);
        if ((e & 7) != 7)
            return ~0ull;
        e = get32(((uint32_t)e & ~0xfffu) + (va >> 12 & 1023) * 4);
    } else {
        e = get64(table + (va >> 30) * 8);
        if (!e)
            return ~0ull;
        EXPECT_EQ(e & 0xfff, 1);
        e = get64(((uint32_t)e & ~0xfffu) + (va >> 21 & 511) * 8);
        if ((e & 7) != 7)
            return ~0ull;
        e = get64(((uint32_t)e & ~0xfffu) + (va >> 12 & 511) * 8);
    }
    if (e == 0)
        return ~0ull;
    EXPECT_EQ(e & 0xfff, 7);
    return (e & ~0xfffull) | (va & 0xfff);
}

static void check_tables(enum abi_revision abi, bool pae, uint32_t pages,
                         uint32_t initrd_bytes)
{
    uint32_t n = pae ? (pages + 511) / 512 : (pages + 1023) / 1024;
    uint32_t top = pages * 4096 - ((initrd_bytes + 4095) & ~4095u);
    static const struct seg s[] = {{1, 0x200, 0, 0x10000, 0x100, 0x100}};

    start(pages);
    make_elf(0x2000, 0x10000, s, 1);
    c.abi = abi;
    c.pae = pae;
    if (initrd_bytes)
        c.initrd = (struct blob){calloc(1, initrd_bytes), initrd_bytes};
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.pgdir, top - 4096);
    for (uint32_t p = 0; p < pages; p++) {
        uint32_t pa = p * 4096;

        if (walk(pa, pae) != pa || walk(0xc0000000 + pa, pae) != pa) {
            test_fail(__FILE__, __LINE__, "page 0x%x is at 0x%llx and 0x%llx", p,
                      (unsigned long long)walk(pa, pae),
                      (unsigned long long)walk(0xc0000000 + pa, pae));
            return;
        }
    }
    EXPECT_EQ(walk(pages * 4096, pae), ~0ull);
    EXPECT_EQ(walk(0xfffff000, pae), ~0ull);
    EXPECT_EQ(walk(0x80000000, pae), ~0ull);
    EXPECT_EQ(walk(0xc0000000 + pages * 4096, pae), ~0ull);
    /* Nothing below the tables, nothing behind them. */
    for (uint32_t at = 0x20000; at < res.pgdir - (n + pae) * 4096; at += 4)
        REQUIRE(get32(at) == 0);
}

TEST(boot_tables_two_level)
{
    check_tables(ABI_2_6_31, false, 1024, 0);
    check_tables(ABI_2_6_31, false, 1025, 0x1234);
    check_tables(ABI_2_6_31, false, 16384, 0x3000);
    check_tables(ABI_2_6_31, false, 40, 0);
    check_tables(ABI_2_6_24, false, 3000, 0);
    check_tables(ABI_2_6_30, false, 1024, 1);
}

TEST(boot_tables_pae)
{
    check_tables(ABI_2_6_31, true, 1024, 0);
    check_tables(ABI_2_6_31, true, 1025, 0x1234);
    check_tables(ABI_2_6_31, true, 16384, 0);
}

TEST(no_boot_tables_for_the_rest)
{
    static const enum abi_revision rows[] = {ABI_AUTO, ABI_3_1, ABI_4_1};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(rows); i++) {
        good_elf();
        c.abi = rows[i];
        c.pae = 1;
        EXPECT_EQ(load(), 0);
        EXPECT_EQ(res.pgdir, 0);
    }
    good_elf(); /* what the image says beats abi= */
    c.abi = ABI_3_1;
    memcpy(image + 0x300, "Linux version 2.6.35.4", 22);
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.version, ABI_2_6_31);
    EXPECT_EQ(res.pgdir, RAM_BYTES - 0x1000);
    EXPECT_EQ(get32(res.pgdir), (RAM_BYTES - 0x2000) | 7);
}

TEST(boot_tables_that_do_not_fit)
{
    static const struct seg s[] = {
        {1, 0x200, 0, 0x100000, 0x100, RAM_BYTES - 0x100000 - 0x1000},
    };

    start(RAM_PAGES);
    make_elf(0x2000, 0x100000, s, 1);
    c.abi = ABI_2_6_31;
    refused("boot page tables of 2 pages");
    good_elf();
    c.abi = ABI_2_6_24;
    c.pae = 1;
    refused("no PAE guests");
}

TEST(boot_tables_that_just_fit)
{
    for (uint32_t pae = 0; pae < 2; pae++) {
        uint32_t pages = pae ? 4 : 2; /* 4 MiB */
        const struct seg s[] = {
            {1, 0x200, 0, 0x100000, 0x100, RAM_BYTES - 0x100000 - pages * 4096},
        };

        start(RAM_PAGES);
        make_elf(0x2000, 0x100000, s, 1);
        c.abi = ABI_2_6_31;
        c.pae = (int)pae;
        EXPECT_EQ(load(), 0);
        put32(52 + 20, s[0].memsz + 1);
        start(RAM_PAGES);
        c.kernel = (struct blob){image, image_bytes};
        c.abi = ABI_2_6_31;
        c.pae = (int)pae;
        refused("do not fit above the image");
    }
}

/* ---- bzImage ---- */

static void good_bz(uint32_t setup_sects, uint32_t payload)
{
    uint32_t setup = ((setup_sects ? setup_sects : 4) + 1) * 512;

    start(RAM_PAGES);
    free(image);
    image_bytes = setup + payload;
    image = malloc(image_bytes);
    memset(image, 0, setup);
    for (uint32_t i = setup; i < image_bytes; i++)
        image[i] = (uint8_t)(i * 5 + 1);
    memset(image + 0x1ef, 0xff, 2); /* sentinel: must not be copied */
    image[0x1f1] = (uint8_t)setup_sects;
    image[0x1fe] = 0x55;
    image[0x1ff] = 0xaa;
    image[0x200] = 0xeb;
    image[0x201] = 0x66; /* header ends at 0x268 */
    memcpy(image + 0x202, "HdrS\x0c\x02", 6);
    if (setup > 0x500) {
        put16(0x20e, 0x200);
        memcpy(image + 0x400, "3.11.10 (a@b) #1 SMP", 21);
    }
    image[0x211] = 1;
    put32(0x214, 0x100000);
    put32(0x230, 0x200000);
    put32(0x258, 0x100000);  /* pref_address */
    put32(0x260, 0x123456);  /* init_size */
    memset(image + 0x268, 0xee, 0x40);
    c.kernel = (struct blob){image, image_bytes};
}

TEST(bzimage_good)
{
    good_bz(27, 0x12345);
    strcpy(c.cmdline, "root=/dev/vda");
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.entry, 0x100000);
    EXPECT_EQ(res.version, ABI_3_1);
    EXPECT_EQ(memcmp(ram + 0x100000, image + 28 * 512, 0x12345), 0);
    EXPECT_EQ(ram[0x100000 + 0x12345], 0);
    EXPECT_EQ(ram[0x1ef], 0);
    EXPECT_EQ(ram[0x1f0], 0);
    EXPECT_EQ(ram[0x1f1], 27);
    EXPECT_EQ(memcmp(ram + 0x202, "HdrS\x0c\x02", 6), 0);
    EXPECT_EQ(get32(0x260), 0x123456);
    EXPECT_EQ(get32(0x258), 0x100000);
    EXPECT_EQ(get32(0x268), 0); /* behind the header */
    EXPECT_EQ(ram[0x210], 0xff);
    EXPECT_EQ(ram[0x211], 0x41);
    EXPECT_EQ(get32(0x230), 0x1000000);
    EXPECT_EQ(get32(0x23c), 1);
    EXPECT_EQ(get64(0x2d8), RAM_BYTES);
    EXPECT_STR((char *)ram + 0x1000, "root=/dev/vda");
}

TEST(bzimage_versions)
{
    good_bz(0, 0x1000); /* 0 means 4 sectors */
    memcpy(image + 0x400, "2.6.32.1", 9);
    put32(0x214, 0x100200);
    c.pae = 1;
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.version, ABI_2_6_31);
    EXPECT_EQ(res.entry, 0x100200);
    EXPECT_EQ(res.pgdir, RAM_BYTES - 0x1000);
    good_bz(4, 0x1000);
    memcpy(image + 0x400, "2.6.23.17", 10);
    refused("Linux 2.6.23 is too old");
    good_bz(4, 0x1000);
    put16(0x20e, 0); /* says nothing */
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.version, ABI_AUTO);
    good_bz(4, 0x1000);
    memcpy(image + 0x201, "3", 1);
    put16(0x20e, 1); /* the first byte that can be meant */
    EXPECT_EQ(load(), 0);
    good_bz(4, 0x1000);
    put16(0x206, 0x020a);
    put32(0x260, 0xffffffff);
    refused("unpacks itself");
    good_bz(4, 0x1000);
    put16(0x20e, 0xffff); /* outside */
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(res.version, ABI_AUTO);
    good_bz(4, 0x1000);
    put16(0x206, 0x0200); /* an old protocol becomes 2.07 */
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(get32(0x206) & 0xffff, 0x0207);
}

/* Kernels that cannot be guests and say so in their header: one sentence, and none about
 * memory that would not help. */
TEST(bzimage_of_today)
{
    static const struct {
        const char *version;
        uint32_t protocol, xloadflags;
        const char *refusal; /* NULL: it is loaded */
    } cases[] = {
        {"6.1.0-18-amd64 (x@y) #1", 0x020f, 0x7f, "64-bit kernel"},
        {"3.16.0-4-amd64 (x@y)", 0x020c, 1, "64-bit kernel"},
        {"no version", 0x020c, 1, "64-bit kernel"},
        {"6.1.0-18-686 (x@y) #1", 0x020f, 0, "Linux 6.1.0 "},
        {"4.14.0 (x@y)", 0x020d, 0x7e, "Linux 4.14.0 "},
        {"5.0 (x@y)", 0x020d, 0, "Linux 5.0.0 "},
        {"4.13.16 (x@y)", 0x020d, 0x7e, NULL},
        {"3.2.0 (x@y)", 0x020b, 1, NULL}, /* the field came with 2.12 */
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(cases); i++) {
        good_bz(4, 0x1000);
        put16(0x206, cases[i].protocol);
        put16(0x236, cases[i].xloadflags);
        (void)snprintf((char *)image + 0x400, 64, "%s", cases[i].version);
        if (!cases[i].refusal) {
            EXPECT_EQ(load(), 0);
            continue;
        }
        put32(0x260, 0x4000000); /* wants 64 MiB, and gets none */
        refused(cases[i].refusal);
        EXPECT(strstr(err, "2.6.24 to 4.13") && strstr(err, "CONFIG_LGUEST_GUEST"));
        EXPECT(strlen(err) < 140);
    }
    /* Who says which interface it speaks knows better. */
    good_bz(4, 0x1000);
    memcpy(image + 0x400, "5.10.0", 7);
    c.abi = ABI_4_1;
    EXPECT_EQ(load(), 0);
}

TEST(bzimage_header_end)
{
    good_bz(27, 0x1000);
    image[0x201] = 0xff;
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(get32(0x290), 0);
    EXPECT_EQ(get32(0x28c), 0xeeeeeeee);
    good_bz(27, 0x1000);
    image[0x201] = 0;
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(get32(0x260), 0);
    EXPECT_EQ(get32(0x23c), 1);
}

TEST(bzimage_refusals)
{
    good_bz(255, 1);
    EXPECT_EQ(load(), 0); /* odd but whole */
    good_bz(4, 0x1000);
    image[0x1f1] = 255;
    refused("ends within its setup part");
    good_bz(4, 0x1000);
    c.kernel.bytes = 5 * 512;
    refused("ends within its setup part");
    good_bz(4, 0x1000);
    image[0x202] = 'h';
    refused("neither ELF nor bzImage");
    good_bz(4, 0x1000);
    image[0x211] = 0;
    refused("zImage");
    good_bz(4, RAM_BYTES - 0x100000 + 1);
    refused("does not fit into memory: give memory=5 or more");
    good_bz(4, 0x1000);
    put32(0x214, 0xfffff);
    refused("entry 0xfffff");
    put32(0x214, 0x101000);
    refused("entry 0x101000");
    put32(0x214, 0xffffffff);
    refused("entry 0xffffffff");
}

/* init_size: what the image needs when it has unpacked itself. */
TEST(bzimage_needs_room_to_unpack)
{
    good_bz(27, 0x1000);
    put32(0x260, RAM_BYTES - 0x100000 + 1);
    refused("unpacks itself to");
    put32(0x260, RAM_BYTES - 0x100000);
    EXPECT_EQ(load(), 0);
    good_bz(27, 0x1000);
    put32(0x260, 0xffffffff);
    refused("unpacks itself to");
    put32(0x260, 0x1000);
    put32(0x25c, 1); /* above 4 GiB */
    refused("unpacks itself to");
    good_bz(27, 0x1000);
    image[0x234] = 1; /* relocatable: to the next 16 MiB */
    refused("at 0x1000000");
    good_bz(27, 0x1000); /* the initrd lies above it */
    put32(0x260, RAM_BYTES - 0x101000);
    c.initrd = (struct blob){calloc(1, 0x1001), 0x1001};
    refused("initrd of 0x1001 bytes");
    c.initrd.bytes = 0x1000;
    EXPECT_EQ(load(), 0);
    good_bz(27, 0x1000); /* before 2.10 there is no such field */
    put16(0x206, 0x0209);
    put32(0x260, 0xffffffff);
    EXPECT_EQ(load(), 0);
}

TEST(bzimage_truncated_anywhere)
{
    good_bz(4, 0x100);
    for (uint32_t n = 0; n < image_bytes; n++) {
        uint8_t *exact = malloc(n ? n : 1);

        memcpy(exact, image, n);
        c.kernel = (struct blob){exact, n};
        if (n <= 5 * 512)
            EXPECT(load() < 0);
        else
            EXPECT_EQ(load(), 0);
        free(exact);
    }
}

TEST(bzimage_fills_memory_to_the_last_byte)
{
    good_bz(4, RAM_BYTES - 0x100000);
    EXPECT_EQ(load(), 0);
    EXPECT_EQ(ram[RAM_BYTES - 1], image[image_bytes - 1]);
}

TEST(probe)
{
    uint8_t b[0x218] = "\177ELF";

    EXPECT_EQ(loader_probe(b, 4), IMAGE_ELF32);
    EXPECT_EQ(loader_probe(b, 3), IMAGE_NONE);
    EXPECT_EQ(loader_probe(b, 0), IMAGE_NONE);
    memset(b, 0, 4);
    memcpy(b + 0x202, "HdrS", 4);
    EXPECT_EQ(loader_probe(b, 0x218), IMAGE_BZIMAGE);
    EXPECT_EQ(loader_probe(b, 0x217), IMAGE_NONE);
    EXPECT_EQ(loader_probe((const uint8_t *)"\x1f\x8b\x08", 3), IMAGE_NONE);
}
