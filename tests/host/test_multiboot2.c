/* SPDX-License-Identifier: MIT */
/* Multiboot2 information built by hand, then broken in one place at a time, cut
 * at every byte, with every tag too short. */
#include "boot_fixture.h"
#include "hv/firmware.h"

static uint32_t tag_begin(uint32_t type)
{
    push32(type);
    return push32(0) - 4;
}

static uint32_t tag_end(uint32_t tag)
{
    put32(tag + 4, end - tag);
    end = (end + 7) & ~7u;
    return tag;
}

static uint32_t mb2_text_tag(uint32_t type, const char *s)
{
    uint32_t tag = tag_begin(type);

    push_text(s);
    return tag_end(tag);
}

static uint32_t mb2_module(uint32_t from, uint32_t to, const char *s)
{
    uint32_t tag = tag_begin(3);

    push32(from);
    push32(to);
    push_text(s);
    return tag_end(tag);
}

static uint32_t mb2_map_at; /* the map tag */
static uint32_t mb2_cmdline_at, mb2_module_at;

static void mb2_finish(void)
{
    tag_end(tag_begin(0));
    put32(0, end);
}

static void mb2_build(bool finish)
{
    uint32_t tag;

    start();
    push64(0);
    mb2_cmdline_at = mb2_text_tag(1, "ringside.elf console=com1");
    mb2_text_tag(2, "GRUB 2.06");
    mb2_module_at = mb2_module(0x400000, 0x523456, "vmlinux kernel:web");
    tag = tag_begin(4);
    push32(640);
    push32(7 * 1024);
    tag_end(tag);
    mb2_map_at = tag_begin(6);
    push32(24);
    push32(0);
    push_entry(0x100000, 0x7ee0000, 1);
    push_entry(0x7fe0000, 0x20000, 2);
    push_entry(0, 0x9fc00, 1);
    tag_end(mb2_map_at);
    mb2_module(0x600000, 0x600001, "initrd:web");
    if (finish)
        mb2_finish();
}

static void mb2_run(void)
{
    boot_info_init(BOOT_MAGIC_MULTIBOOT2, MEM_PA);
}

TEST(mb2_good)
{
    mb2_build(true);
    mb2_run();
    expect_good(BOOT_MULTIBOOT2);
}

TEST(mb2_basic_memory_without_map)
{
    mb2_build(true);
    put32(mb2_map_at, 0x777);
    mb2_run();
    EXPECT_EQ(boot_info.nr_regions, 2);
    EXPECT_EQ(boot_info.regions[1].bytes, 7u << 20);
}

/* Our own UEFI loader is known by its whole name and by nothing less. */
TEST(mb2_loader_name)
{
    static const struct {
        const char *name;
        enum boot_loader loader;
    } names[] = {
        {"Ringside EFI loader", BOOT_EFI},
        {"Ringside EFI loader 2", BOOT_MULTIBOOT2},
        {"Ringside EFI loade", BOOT_MULTIBOOT2},
        {"", BOOT_MULTIBOOT2},
    };
    uint32_t tag;

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(names); i++) {
        mb2_build(false);
        mb2_text_tag(2, names[i].name);
        mb2_finish();
        mb2_run();
        expect_good(names[i].loader);
    }
    mb2_build(false);
    tag = mb2_text_tag(2, names[0].name);
    mb2_finish();
    put32(tag + 4, 8 + (uint32_t)strlen(names[0].name)); /* its NUL is not in it */
    mb2_run();
    EXPECT_EQ(boot_info.loader, BOOT_MULTIBOOT2);
}

/* GRUB's quotes are undone in each string; what others write is what they mean. */
static void mb2_quoted(const char *loader, const char *text, bool name_last)
{
    start();
    push64(0);
    if (!name_last)
        mb2_text_tag(2, loader);
    mb2_text_tag(1, text);
    mb2_module(0x400000, 0x400001, text);
    mb2_module(0x600000, 0x600001, "initrd:web");
    if (name_last)
        mb2_text_tag(2, loader);
    mb2_map_at = tag_begin(6);
    push32(24);
    push32(0);
    push_entry(0x100000, 0x7ee0000, 1);
    tag_end(mb2_map_at);
    mb2_finish();
    mb2_run();
    REQUIRE(boot_info.nr_modules == 2);
    EXPECT_STR(boot_info.modules[1].string, "initrd:web");
}

TEST(mb2_quotes_of_grub)
{
    static const char *const others[] = {"Ringside EFI loader", "iPXE 1.21.1", "GRUB",
                                         "GNU GRUB 0.97", "NetBSD/x86 boot", ""};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(grub_texts); i++) {
        mb2_quoted("GRUB 2.06-13+deb12u1", grub_texts[i].given, i % 2 != 0);
        EXPECT_STR(boot_info.cmdline, grub_texts[i].meant);
        EXPECT_STR(boot_info.modules[0].string, grub_texts[i].meant);
        for (uint32_t k = 0; k < HV_ARRAY_SIZE(others); k++) {
            mb2_quoted(others[k], grub_texts[i].given, i % 2 != 0);
            EXPECT_STR(boot_info.cmdline, grub_texts[i].given);
            EXPECT_STR(boot_info.modules[0].string, grub_texts[i].given);
        }
    }
}

TEST(mb2_total_sizes)
{
    static const uint32_t bad[] = {0, 7, 0xffffffff, MEM_BYTES + 1, 0x100001};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        mb2_build(true);
        put32(0, bad[i]);
        mb2_run();
        EXPECT_EQ(boot_info.nr_modules, 0);
        EXPECT_EQ(log_config_errors(), 1);
        EXPECT(fake_log_has("is not readable"));
    }
    mb2_build(true);
    put32(0, 8);
    mb2_run();
    EXPECT(fake_log_has("broken off before its end tag"));
    mb2_build(true);
    boot_info_init(BOOT_MAGIC_MULTIBOOT2, 0xfffffff8);
    EXPECT(fake_log_has("is not readable"));
}

TEST(mb2_cut_at_every_byte)
{
    uint32_t whole;

    mb2_build(true);
    whole = end;
    for (uint32_t n = 8; n < whole; n++) {
        uint8_t *exact = malloc(n);

        mb2_build(true);
        memcpy(exact, mem, n);
        memcpy(exact, &n, 4);
        fake_phys_clear();
        fake_phys_add(MEM_PA, exact, n); /* the sanitizer watches its end */
        mb2_run();
        EXPECT(log_config_errors() >= 1 || n >= whole - 8);
        free(exact);
    }
}

TEST(mb2_tag_sizes)
{
    static const uint32_t bad[] = {0, 7, 0x80000000, 0xffffffff, 0xfffffff9, 0x7000};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        mb2_build(true);
        put32(mb2_cmdline_at + 4, bad[i]);
        mb2_run();
        EXPECT_EQ(boot_info.nr_modules, 0);
        EXPECT(fake_log_has("broken off before its end tag"));
    }
    /* Too short for what it should hold: that tag is refused. */
    mb2_build(true);
    put32(mb2_module_at + 4, 12);
    mb2_run();
    EXPECT_EQ(log_config_errors() >= 1, 1);
}

TEST(mb2_short_tags_of_each_type)
{
    for (uint32_t type = 1; type < 24; type++) {
        for (uint32_t bytes = 0; bytes < 48; bytes += 4) {
            uint32_t tag;

            mb2_build(false);
            tag = tag_begin(type);
            for (uint32_t k = 0; k < bytes; k += 4)
                push32(0xffffffff);
            tag_end(tag);
            mb2_finish();
            mb2_run();
            EXPECT(boot_info.nr_modules >= 2 || type == 6);
        }
    }
}

TEST(mb2_map_entry_sizes)
{
    mb2_build(true);
    put32(mb2_map_at + 8, 0);
    mb2_run();
    EXPECT(fake_log_has("entries of 0 bytes"));
    mb2_build(true);
    put32(mb2_map_at + 8, 23);
    mb2_run();
    EXPECT(fake_log_has("entries of 23 bytes"));
    mb2_build(true);
    put32(mb2_map_at + 8, 48); /* larger entries: every second one */
    mb2_run();
    EXPECT_EQ(boot_info.nr_regions, 1);
    mb2_build(true);
    put32(mb2_map_at + 8, 0xffffffff);
    mb2_run();
    EXPECT_EQ(boot_info.regions[0].bytes, 0xa0000); /* basic memory */
}

TEST(mb2_string_without_nul)
{
    mb2_build(true);
    /* The tag ends within its text; the bytes behind it are padding. */
    put32(mb2_cmdline_at + 4, 8 + 12);
    mb2_build(false);
    {
        uint32_t tag = tag_begin(1);

        memcpy(mem + end, "abcdefgh", 8); /* of which the tag has five */
        end += 5;
        tag_end(tag);
    }
    mb2_finish();
    mb2_run();
    EXPECT_STR(boot_info.cmdline, "abcde");
}

TEST(mb2_acpi_tags)
{
    for (uint32_t order = 0; order < 2; order++) {
        mb2_build(false);
        for (uint32_t k = 0; k < 2; k++) {
            bool new = (k == 0) == (order == 0);
            uint32_t tag = tag_begin(new ? 15 : 14);

            for (uint32_t i = 0; i < (new ? 9u : 5u); i++)
                push32(new ? 0x22222222 : 0x11111111);
            tag_end(tag);
        }
        mb2_finish();
        mb2_run();
        EXPECT(boot_info.has_acpi_copy);
        EXPECT_EQ(boot_info.acpi_rsdp[0], 0x22);
        EXPECT_EQ(boot_info.acpi_rsdp[35], 0x22);
    }
    for (uint32_t words = 2; words < 6; words++) {
        uint32_t tag;

        mb2_build(false);
        tag = tag_begin(14);
        for (uint32_t i = 0; i < words; i++)
            push32(0x11111111);
        tag_end(tag);
        mb2_finish();
        mb2_run();
        EXPECT_EQ(boot_info.has_acpi_copy, words >= 5);
        EXPECT_EQ(boot_info.acpi_rsdp[0], words >= 5 ? 0x11 : 0);
        EXPECT_EQ(boot_info.acpi_rsdp[20], 0);
    }
    mb2_build(false);
    tag_end(tag_begin(15));
    mb2_finish();
    mb2_run();
    EXPECT(!boot_info.has_acpi_copy);
    EXPECT(fake_log_has("ACPI tag: 8 bytes"));
}

/* The system table's address has the size of the firmware's pointers. */
TEST(mb2_efi_tags)
{
    for (uint32_t type = 11; type <= 12; type++) {
        uint32_t tag;

        mb2_build(false);
        tag = tag_begin(type);
        push32(0x7f000018);
        if (type == 12)
            push32(1);
        tag_end(tag);
        mb2_finish();
        mb2_run();
        EXPECT_EQ(boot_info.efi_is_64, type == 12);
        EXPECT_EQ(boot_info.efi_system_table, type == 12 ? 0x17f000018 : 0x7f000018);
    }
    mb2_build(false);
    tag_end(tag_begin(12));
    mb2_finish();
    mb2_run();
    EXPECT_EQ(boot_info.efi_system_table, 0);
    EXPECT_EQ(boot_info.complaints, 1);
}

/* The structures begin behind version and reserved bytes; the parser gets what
 * the tag has and no more. */
/* Only that the tag's bytes arrive. */
void smbios_parse(struct machine_info *m, const uint8_t *p, uint32_t n)
{
    (void)memcpy(m->product, p, hv_min_u32(n, sizeof(m->product) - 1));
}

TEST(mb2_smbios_tag)
{
    uint32_t tag;

    mb2_build(false);
    tag = tag_begin(13);
    push32(0x0305);
    push32(0);
    memcpy(mem + end, "structures!", 11);
    end += 10;
    tag_end(tag);
    mb2_finish();
    mb2_run();
    EXPECT_STR(machine_info.product, "structures");
    EXPECT_EQ(boot_info.complaints, 0);
}

TEST(mb2_framebuffer)
{
    uint32_t tag;

    mb2_build(false);
    tag = tag_begin(8);
    push64(0x80000000);
    push32(2400);
    push32(800);
    push32(600);
    memcpy(mem + end, "\x18\x01\x00\x00\x10\x06\x08\x07\x01\x05", 10);
    end += 10;
    tag_end(tag);
    mb2_finish();
    mb2_run();
    EXPECT_EQ(boot_info.fb.base, 0x80000000);
    EXPECT_EQ(boot_info.fb.bpp, 24);
    EXPECT_EQ(boot_info.fb.green_pos, 8);
    EXPECT_EQ(boot_info.fb.green_bits, 7);
    EXPECT_EQ(boot_info.fb.red_bits, 6);
    EXPECT_EQ(boot_info.fb.blue_pos, 1);
    EXPECT_EQ(boot_info.fb.blue_bits, 5);
    EXPECT_EQ(boot_info.complaints, 0);
    put32(tag + 4, 37); /* without its last colour */
    mb2_run();
    EXPECT_EQ(boot_info.fb.base, 0);
    put32(tag + 4, 38);
    mem[tag + 29] = 2; /* text */
    mb2_run();
    EXPECT_EQ(boot_info.fb.base, 0);
}

TEST(mb2_module_over_the_monitor)
{
    mb2_build(false);
    mb2_module(0x17f000, 0x180001, "kernel:evil");
    mb2_module(0xfff00000, 0xfff01000, "kernel:high");
    mb2_finish();
    mb2_run();
    EXPECT_EQ(boot_info.nr_modules, 2);
    EXPECT_EQ(log_config_errors(), 2);
}

TEST(random_damage_keeps_the_promises)
{
    struct test_rng r = {7};

    for (uint32_t round = 0; round < 10000; round++) {
        mb2_build(true);
        damage(&r, 5, 0x400);
        mb2_run();
        check_promises();
    }
}
