/* SPDX-License-Identifier: MIT */
/* The information block that the UEFI loader writes, read back by the monitor's
 * own parser; the firmware's memory map; the retry on a changed map key. */
#include "boot_fixture.h"

#include "efi/info.h"
#include "efi/leave.h"
#include "multiboot.h"

enum { RESERVED, LOADER_CODE, LOADER_DATA, BS_CODE, BS_DATA, RT_CODE, RT_DATA,
       CONVENTIONAL, UNUSABLE, ACPI_RECLAIM, ACPI_NVS, MMIO, MMIO_PORTS, PAL,
       PERSISTENT, UNACCEPTED };

#define STEP 48u /* OVMF's: more than the 40 bytes that are known */

static uint8_t map_bytes[64 * STEP];

static struct info_map no_map(void)
{
    return (struct info_map){map_bytes, 0, STEP};
}

static void map_add(struct info_map *m, uint32_t type, uint64_t base, uint64_t pages)
{
    uint8_t *p = map_bytes + m->bytes;

    memset(p, 0xee, STEP);
    memcpy(p, &type, 4);
    memcpy(p + 8, &base, 8);
    memcpy(p + 24, &pages, 8);
    m->bytes += STEP;
}

static struct info_map usual_map(void)
{
    struct info_map m = no_map();

    map_add(&m, CONVENTIONAL, 0, 0x9f);
    map_add(&m, CONVENTIONAL, 0x100000, 0x700);
    map_add(&m, BS_DATA, 0x800000, 8);
    map_add(&m, LOADER_DATA, 0x808000, 0x76d8);
    map_add(&m, RT_DATA, 0x7ee0000, 0x20);
    return m;
}

static void write_usual(struct info *in, uint8_t *at, uint32_t size)
{
    static const uint8_t rsdp1[36] = "RSD PTR ";
    const struct info_framebuffer fb = {0x80000000, 4096, 1024, 768, 32,
                                        16, 8, 8, 8, 0, 8};
    struct info_map m = usual_map();

    info_begin(in, at, size);
    info_string(in, INFO_CMDLINE, "ringside.elf console=com1");
    info_string(in, INFO_LOADER, MB2_LOADER_EFI);
    info_module(in, 0x400000, 0x123456, "/ringside/vmlinux", "kernel:web -- q", 13);
    info_module(in, 0x600000, 1, "/root.gz", NULL, 0);
    info_framebuffer(in, &fb);
    info_rsdp(in, rsdp1);
    info_smbios(in, 3, 0, rsdp1, sizeof(rsdp1));
    info_system_table(in, 0x7fff0000);
    info_memory_map(in, &m);
}

TEST(info_is_what_the_monitor_reads)
{
    struct info in;

    start();
    write_usual(&in, mem, MEM_BYTES);
    EXPECT(info_end(&in));
    EXPECT_EQ(in.used % 8, 0);
    boot_info_init(BOOT_MAGIC_MULTIBOOT2, MEM_PA);
    EXPECT_EQ(boot_info.complaints, 0);
    EXPECT_EQ(boot_info.loader, BOOT_EFI);
    EXPECT_STR(boot_info.cmdline, "ringside.elf console=com1");
    REQUIRE(boot_info.nr_modules == 2);
    EXPECT_STR(boot_info.modules[0].string, "/ringside/vmlinux kernel:web --");
    EXPECT_EQ(boot_info.modules[0].base, 0x400000);
    EXPECT_EQ(boot_info.modules[0].bytes, 0x123456);
    EXPECT_STR(boot_info.modules[1].string, "/root.gz ");
    EXPECT_EQ(boot_info.fb.base, 0x80000000);
    EXPECT_EQ(boot_info.fb.pitch_bytes, 4096);
    EXPECT_EQ(boot_info.fb.red_pos, 16);
    EXPECT_EQ(boot_info.fb.blue_bits, 8);
    EXPECT(boot_info.has_acpi_copy);
    REQUIRE(boot_info.nr_regions == 3);
    EXPECT_EQ(boot_info.regions[1].base, 0x100000);
    EXPECT_EQ(boot_info.regions[1].bytes, 0x7de0000);
    EXPECT_EQ(boot_info.regions[2].type, BOOT_REGION_RESERVED);
}

TEST(info_never_writes_past_its_end)
{
    uint32_t whole;
    struct info in;

    start();
    write_usual(&in, mem, MEM_BYTES);
    EXPECT(info_end(&in));
    whole = in.used;
    for (uint32_t n = 0; n <= whole; n++) {
        uint8_t *exact = malloc(n > 0 ? n : 1);

        write_usual(&in, exact, n);
        EXPECT_EQ(info_end(&in), n == whole);
        EXPECT(in.used <= n);
        free(exact);
    }
}

TEST(info_rsdp_by_its_revision)
{
    uint8_t rsdp[36] = "RSD PTR ";
    struct info in;

    start();
    info_begin(&in, mem, MEM_BYTES);
    info_rsdp(&in, rsdp);
    EXPECT_EQ(mem[8], MB2_ACPI_OLD);
    EXPECT_EQ(mem[12], 8 + 20);
    rsdp[15] = 2;
    info_begin(&in, mem, MEM_BYTES);
    info_rsdp(&in, rsdp);
    EXPECT_EQ(mem[8], MB2_ACPI_NEW);
    EXPECT_EQ(mem[12], 8 + 36);
}

/* Every type of UEFI 2.10 table 7-10, "after ExitBootServices". */
TEST(info_memory_types)
{
    static const uint32_t want[] = {
        [RESERVED] = 2, [LOADER_CODE] = 1, [LOADER_DATA] = 1, [BS_CODE] = 1,
        [BS_DATA] = 1, [RT_CODE] = 2, [RT_DATA] = 2, [CONVENTIONAL] = 1,
        [UNUSABLE] = 5, [ACPI_RECLAIM] = 3, [ACPI_NVS] = 4, [MMIO] = 2,
        [MMIO_PORTS] = 2, [PAL] = 2, [PERSISTENT] = 2, [UNACCEPTED] = 2,
        [16] = 2, /* of a later version */
    };

    for (uint32_t type = 0; type < HV_ARRAY_SIZE(want); type++) {
        struct info_map m = no_map();
        struct info in;

        map_add(&m, type, 0x100000, 1);
        start();
        info_begin(&in, mem, MEM_BYTES);
        info_memory_map(&in, &m);
        EXPECT_EQ(mem[8 + MB2_MMAP_ENTRIES + 16], want[type]);
        EXPECT_EQ(info_map_is_free(&m, 0x100000, 0x1000), want[type] == 1);
    }
}

static uint32_t entries_of(const struct info_map *m)
{
    struct info in;
    uint32_t bytes;

    start();
    info_begin(&in, mem, MEM_BYTES);
    info_memory_map(&in, m);
    memcpy(&bytes, mem + 8 + MB2_TAG_SIZE, 4);
    return (bytes - MB2_MMAP_ENTRIES) / MB2_MMAP_ENTRY_MIN;
}

TEST(info_neighbours_of_one_kind_become_one)
{
    struct info_map m = no_map();

    EXPECT_EQ(entries_of(&m), 0);
    map_add(&m, BS_CODE, 0x1000, 1);
    map_add(&m, CONVENTIONAL, 0x2000, 1);
    map_add(&m, LOADER_DATA, 0x3000, 0); /* empty: as if it were not there */
    map_add(&m, BS_DATA, 0x3000, 1);
    EXPECT_EQ(entries_of(&m), 1);
    map_add(&m, RT_CODE, 0x4000, 1); /* another kind */
    EXPECT_EQ(entries_of(&m), 2);
    map_add(&m, RT_DATA, 0x6000, 1); /* a gap */
    EXPECT_EQ(entries_of(&m), 3);
    m.step = 39; /* an entry without its fields is none */
    EXPECT_EQ(entries_of(&m), 0);
}

TEST(info_length_that_would_wrap_is_cut)
{
    struct info_map m = no_map();

    map_add(&m, CONVENTIONAL, 0x100000, UINT64_MAX);
    EXPECT(info_map_is_free(&m, 0x100000, 0x1000));
    EXPECT(!info_map_is_free(&m, 0xff000, 0x2000));
}

TEST(info_free_to_the_last_byte)
{
    struct info_map m = usual_map();

    EXPECT(info_map_is_free(&m, 0x100000, 0x7de0000));
    EXPECT(!info_map_is_free(&m, 0x100000, 0x7de0001)); /* runtime data */
    EXPECT(!info_map_is_free(&m, 0xfffff, 2));          /* a hole */
    EXPECT(info_map_is_free(&m, 0, 0x9f000));
    EXPECT(!info_map_is_free(&m, 0, 0x9f001));
}

/* ---- leaving ---- */

static uint32_t maps_given, exits_asked, stale_answers;
static bool map_fails, exit_breaks;

/* The map grows by an entry with every call, and the key with it. */
static bool fake_get_map(struct info_map *map, uint32_t room, uint64_t *key)
{
    struct info_map m = usual_map();

    for (uint32_t i = 0; i < maps_given; i++)
        map_add(&m, BS_DATA, 0x8000000 + i * 0x2000, 1);
    EXPECT(room >= m.bytes);
    memcpy((uint8_t *)(uintptr_t)map->p, map_bytes, m.bytes);
    map->bytes = m.bytes;
    map->step = STEP;
    *key = ++maps_given;
    return !map_fails;
}

static enum leave_answer fake_exit(uint64_t key)
{
    exits_asked++;
    EXPECT_EQ(key, maps_given); /* always the newest */
    if (exit_breaks)
        return LEAVE_BROKEN;
    return exits_asked <= stale_answers ? LEAVE_STALE : LEAVE_DONE;
}

static enum leave_result leave_now(uint32_t room_in_info)
{
    static uint8_t buffer[sizeof(map_bytes)];
    const struct leave l = {fake_get_map, fake_exit, buffer, sizeof(buffer)};
    struct info in;

    start();
    info_begin(&in, mem, room_in_info);
    info_string(&in, INFO_CMDLINE, "x");
    return leave_boot_services(&l, &in);
}

TEST(leave_at_once)
{
    EXPECT_EQ(leave_now(MEM_BYTES), LEFT);
    EXPECT_EQ(exits_asked, 1);
}

TEST(leave_after_stale_keys_with_the_last_map)
{
    stale_answers = 3;
    EXPECT_EQ(leave_now(MEM_BYTES), LEFT);
    EXPECT_EQ(maps_given, 4);
    EXPECT_EQ(exits_asked, 4);
    boot_info_init(BOOT_MAGIC_MULTIBOOT2, MEM_PA);
    EXPECT_EQ(boot_info.complaints, 0);
    EXPECT_EQ(boot_info.nr_regions, 3 + 3); /* one map, and it is the fourth */
    EXPECT_STR(boot_info.cmdline, "x");
}

/* UEFI 2.10, section 12.9, has no fixed pixel sizes: the masks say. */
TEST(info_pixel_formats)
{
    static const struct {
        uint32_t red, green, blue, reserved;
        uint8_t bpp, fields[6];
    } formats[] = {
        {0xff0000, 0xff00, 0xff, 0xff000000, 32, {16, 8, 8, 8, 0, 8}},
        {0xff, 0xff00, 0xff0000, 0xff000000, 32, {0, 8, 8, 8, 16, 8}},
        {0xff0000, 0xff00, 0xff, 0, 24, {16, 8, 8, 8, 0, 8}},
        {0xf800, 0x07e0, 0x1f, 0, 16, {11, 5, 5, 6, 0, 5}},
        {0x7c00, 0x03e0, 0x1f, 0, 16, {10, 5, 5, 5, 0, 5}},
        {0x3ff00000, 0xffc00, 0x3ff, 0xc0000000, 32, {20, 10, 10, 10, 0, 10}},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(formats); i++) {
        struct info_framebuffer fb = {0};

        EXPECT(info_set_masks(&fb, formats[i].red, formats[i].green,
                              formats[i].blue, formats[i].reserved));
        EXPECT_EQ(fb.bpp, formats[i].bpp);
        EXPECT_EQ(memcmp(&fb.red_pos, formats[i].fields, 6), 0);
    }
    EXPECT(!info_set_masks(&(struct info_framebuffer){0}, 0, 0, 0, 0));
}

TEST(leave_gives_up)
{
    stale_answers = UINT32_MAX;
    EXPECT_EQ(leave_now(MEM_BYTES), LEAVE_REFUSED);
    EXPECT_EQ(exits_asked, LEAVE_TRIES);
}

TEST(leave_other_errors_are_final)
{
    exit_breaks = true;
    EXPECT_EQ(leave_now(MEM_BYTES), LEAVE_REFUSED);
    EXPECT_EQ(exits_asked, 1);
}

TEST(leave_without_a_map_or_room_asks_nothing)
{
    EXPECT_EQ(leave_now(64), LEAVE_NO_ROOM);
    map_fails = true;
    EXPECT_EQ(leave_now(MEM_BYTES), LEAVE_NO_MAP);
    EXPECT_EQ(exits_asked, 0);
}
