/* SPDX-License-Identifier: MIT */
/* From module strings to guests (docs/usage.md, "Modules"): tags, names, keys,
 * attachments, every refusal, in any order of modules. */
#include "modules_fixture.h"

TEST(a_tagged_kernel_with_initrd_and_disk)
{
    const struct guest_config *c;

    start();
    add_kernel("vmlinux kernel:web memory=96 -- console=hvc0  quiet ");
    add_data("root.gz initrd:web");
    add_data("disk:web:vda");
    add_data("/img/two.img disk:web:vdb ro");
    EXPECT_EQ(build(), 0);
    c = only("web");
    EXPECT_EQ(c->memory_mib, 96);
    EXPECT_STR(c->cmdline, "console=hvc0  quiet");
    EXPECT_STR(c->kernel_name, "vmlinux");
    EXPECT(c->kernel.data == elf && c->kernel.bytes == sizeof(elf));
    EXPECT(c->initrd.data == data && c->initrd.bytes == sizeof(data));
    EXPECT_EQ(c->nr_disks, 2);
    EXPECT_STR(c->disks[0].name, "vda");
    EXPECT(!c->disks[0].read_only);
    EXPECT_STR(c->disks[1].name, "vdb");
    EXPECT(c->disks[1].read_only);
    EXPECT(c->disks[1].data == data && c->disks[1].bytes == sizeof(data));
}

TEST(defaults)
{
    const struct guest_config *c;

    start();
    add_kernel("kernel:a");
    EXPECT_EQ(build(), 0);
    c = only("a");
    EXPECT_EQ(c->memory_mib, 64);
    EXPECT_EQ(c->cpu_weight, 256);
    EXPECT_EQ(c->cap_percent, 0);
    EXPECT_EQ(c->cpu_mask, 0);
    EXPECT_EQ(c->on_poweroff, ON_DESTROY);
    EXPECT_EQ(c->on_reboot, ON_RESTART);
    EXPECT_EQ(c->on_crash, ON_PRESERVE);
    EXPECT(!c->paused);
    EXPECT_EQ(c->abi, ABI_AUTO);
    EXPECT_EQ(c->pae, -1);
    EXPECT_STR(c->cmdline, "");
    EXPECT_STR(c->kernel_name, "a");
    EXPECT_EQ(c->initrd.bytes, 0);
    EXPECT_EQ(c->nr_disks, 0);
}

TEST(every_key)
{
    const struct guest_config *c;

    start();
    add_kernel("kernel:a memory=3 cpus=0,2-4 cpu_weight=512 cap=50 "
               "on_poweroff=preserve on_reboot=destroy on_crash=restart paused=1 "
               "abi=2.6.31 pae=1 --");
    EXPECT_EQ(build(), 0);
    c = only("a");
    EXPECT_EQ(c->memory_mib, 3);
    EXPECT_EQ(c->cpu_mask, 0x1d);
    EXPECT_EQ(c->cpu_weight, 512);
    EXPECT_EQ(c->cap_percent, 50);
    EXPECT_EQ(c->on_poweroff, ON_PRESERVE);
    EXPECT_EQ(c->on_reboot, ON_DESTROY);
    EXPECT_EQ(c->on_crash, ON_RESTART);
    EXPECT(c->paused);
    EXPECT_EQ(c->abi, ABI_2_6_31);
    EXPECT_EQ(c->pae, 1);
    EXPECT_STR(c->cmdline, "");
}

TEST(values_of_abi_and_pae)
{
    static const char *const names[] = {
        "auto", "2.6.24", "2.6.30", "2.6.31", "3.1", "4.1",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(names); i++) {
        char s[64];

        start();
        snprintf(s, sizeof(s), "kernel:a abi=%s pae=%s", names[i],
                 i & 1 ? "0" : "auto");
        add_kernel(s);
        EXPECT_EQ(build(), 0);
        EXPECT_EQ(only("a")->abi, i);
        EXPECT_EQ(only("a")->pae, i & 1 ? 0 : -1);
    }
}

/* One wrong word: one line, that guest stays away, its neighbour starts. */
TEST(bad_words_cost_only_their_guest)
{
    static const char *const bad[] = {
        "memory=", "memory=0", "memory=3841", "memory=1x", "memory", "memroy=64",
        "memory=-1", "memory=99999999999999999999", "memory=600", "cpus=",
        "cpus=32", "cpus=3-2", "cpus=1,", "cpus=a", "cpus=1-", "cpus=-1",
        "cpu_weight=0", "cpu_weight=65536", "cap=101", "on_crash=reboot",
        "on_reboot=", "on_poweroff=x", "paused=2", "paused=yes", "abi=3.2",
        "abi=2.6", "pae=2", "quiet", "=", "image=b", "kernel:c", "\x01\x02",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        char s[128];

        start();
        snprintf(s, sizeof(s), "kernel:a %s -- x", bad[i]);
        add_kernel(s);
        add_kernel("kernel:good");
        if (build() != 1)
            printf("%s\n", bad[i]);
        EXPECT_EQ(log_config_errors(), 1);
        EXPECT_EQ(fake_log_lines, 1);
        EXPECT(fake_log_has("guest a: not started: "));
        (void)only("good");
    }
}

TEST(words_behind_the_dashes_are_the_guests)
{
    start();
    add_kernel("kernel:a -- kernel:b memory=1 -- \"quoted  text\" config");
    EXPECT_EQ(build(), 0);
    EXPECT_STR(only("a")->cmdline,
               "kernel:b memory=1 -- \"quoted  text\" config");
}

TEST(command_line_lengths)
{
    char s[BOOT_MODSTR_BYTES];

    start();
    memset(s, 'x', sizeof(s));
    memcpy(s, "kernel:a -- ", 12);
    s[12 + 2047] = '\0';
    add_kernel(s);
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(strlen(only("a")->cmdline), 2047);
    start();
    s[12 + 2047] = 'x';
    s[12 + 2048] = '\0';
    add_kernel(s);
    EXPECT_EQ(build(), 1);
    EXPECT_EQ(fake_guests_added, 0);
    EXPECT(fake_log_has("command line longer than 2047 bytes"));
}

/* ---- names ---- */

TEST(names_that_are_good)
{
    static const char *const good[] = {
        "a", "z", "A", "Z", "0", "9", "a.b_c-D9", "abcdefghijklmnopqrstuvwxyz01234",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(good); i++) {
        char s[64];

        start();
        snprintf(s, sizeof(s), "kernel:%s", good[i]);
        add_kernel(s);
        EXPECT_EQ(build(), 0);
        (void)only(good[i]);
    }
}

TEST(names_that_are_not)
{
    static const char *const bad[] = {
        "", ".a", "-a", "_a", "a b:", "a:b", "a/b", "a\x7f", "\xc3\xa4",
        "abcdefghijklmnopqrstuvwxyz012345",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        char s[64];

        if (strchr(bad[i], ' '))
            continue;
        start();
        snprintf(s, sizeof(s), "kernel:%s", bad[i]);
        add_kernel(s);
        EXPECT_EQ(build(), 1);
        EXPECT_EQ(fake_guests_added, 0);
    }
}

TEST(two_of_one_name_the_first_starts)
{
    start();
    add_kernel("kernel:a memory=10");
    add_kernel("kernel:a memory=20");
    EXPECT_EQ(build(), 1);
    EXPECT_EQ(only("a")->memory_mib, 10);
    EXPECT(fake_log_has("guest a: not started: there is one of this name"));
}

TEST(seventeen_guests)
{
    char s[17][32];

    start();
    for (uint32_t i = 0; i < 17; i++) {
        snprintf(s[i], sizeof(s[i]), "kernel:g%u", i);
        add_kernel(s[i]);
    }
    EXPECT_EQ(build(), 1);
    EXPECT_EQ(fake_guests_added, 16);
}

/* ---- without tags ---- */

TEST(untagged_images_and_their_initrds)
{
    start();
    add_kernel("/boot/vmlinux-3.11 memory=32 -- quiet");
    add_data("/boot/root.gz");
    add_kernel("bzImage");
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(fake_guests_added, 2);
    REQUIRE(fake_guest_added("vmlinux-3.11") && fake_guest_added("bzImage"));
    EXPECT_EQ(fake_guest_added("vmlinux-3.11")->memory_mib, 32);
    EXPECT_STR(fake_guest_added("vmlinux-3.11")->cmdline, "quiet");
    EXPECT_EQ(fake_guest_added("vmlinux-3.11")->initrd.bytes, sizeof(data));
    EXPECT_EQ(fake_guest_added("bzImage")->initrd.bytes, 0);
}

TEST(names_made_from_files)
{
    static const struct {
        const char *string, *name;
    } cases[] = {
        {"/a/b/my kernel", "my"},
        {"linux+debug", "linux-debug"},
        {".hidden", "hidden"},
        {"\xc3\xa4kernel", "kernel"},
        {"dir.d/", "guest1"},
        {"/", "guest1"},
        {"...", "guest1"},
        {"", "guest1"},
        {"memory=10", "guest1"},
        {"abcdefghijklmnopqrstuvwxyz0123456789",
         "abcdefghijklmnopqrstuvwxyz01234"},
        {"a/b=c", "b-c"},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(cases); i++) {
        start();
        add_kernel(cases[i].string);
        (void)build();
        if (i == 0) { /* "kernel" is taken for a key */
            EXPECT_EQ(log_config_errors(), 1);
            continue;
        }
        if (!fake_guest_added(cases[i].name))
            printf("%s: %s\n", cases[i].string, fake_log_last());
        (void)only(cases[i].name);
    }
}

TEST(nameless_guests_are_numbered)
{
    start();
    add_kernel("");
    add_data("");
    add_kernel("memory=10 -- x=y");
    add_kernel("-- a b");
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(fake_guests_added, 3);
    REQUIRE(fake_guest_added("guest1") && fake_guest_added("guest2") &&
            fake_guest_added("guest3"));
    EXPECT_EQ(fake_guest_added("guest1")->initrd.bytes, sizeof(data));
    EXPECT_EQ(fake_guest_added("guest2")->memory_mib, 10);
    EXPECT_STR(fake_guest_added("guest3")->cmdline, "a b");
}

TEST(loose_modules)
{
    start();
    add_data("root.gz");
    EXPECT_EQ(build(), 1);
    EXPECT(fake_log_has("no image, no tag and no guest before it"));

    start();
    add_kernel("k");
    add_data("one");
    add_data("two");
    EXPECT_EQ(build(), 1);
    EXPECT(fake_log_has("guest k: not started: two initrds"));
    EXPECT_EQ(fake_guests_added, 0);

    start(); /* a mistyped tag is found out */
    add_kernel("k");
    add_data("root.gz intird:k");
    EXPECT_EQ(build(), 1);
    EXPECT_EQ(fake_guests_added, 0);

    start(); /* what follows a refused guest goes with it, without a word */
    add_kernel("kernel:a");
    add_kernel("kernel:a");
    add_data("root.gz");
    EXPECT_EQ(build(), 1);
    EXPECT_EQ(only("a")->initrd.bytes, 0);
}

TEST(the_first_tag_counts)
{
    start();
    add_kernel("kernel:a kernel:b");
    EXPECT_EQ(build(), 1);
    EXPECT_EQ(fake_guests_added, 0);
    start();
    add_kernel("some/file memory=20 kernel:a cap=5");
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(only("a")->memory_mib, 20);
    EXPECT_EQ(only("a")->cap_percent, 5);
}

/* ---- attachments ---- */

TEST(any_order_of_modules)
{
    start();
    add_data("disk:a:vdb");
    add_data("initrd:a");
    add_config("kernel:a memory=48\n");
    add_data("disk:a:vda ro");
    add_kernel("kernel:a");
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(only("a")->memory_mib, 48);
    EXPECT_EQ(only("a")->nr_disks, 2);
    EXPECT(only("a")->disks[0].read_only);
    EXPECT(!only("a")->disks[1].read_only);
}

TEST(attachments_that_are_wrong)
{
    static const char *const bad[] = {
        "disk:a", "disk:a:", "disk:a:vdi", "disk:a:vdA", "disk:a:vd",
        "disk:a:vda0", "disk:a:hda", "disk:a:vda rw", "disk:a:vda ro ro=1",
        "disk:a:vdb", "initrd:a x", "disk:a:vda:ro",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        start();
        add_kernel("kernel:a");
        add_kernel("kernel:b");
        add_data(bad[i]);
        if (build() != 1)
            printf("%s\n", bad[i]);
        EXPECT_EQ(log_config_errors(), 1);
        EXPECT(fake_log_has("guest a: not started: "));
        (void)only("b");
    }
    start();
    add_kernel("kernel:a");
    add_data("disk:a:vdc");
    EXPECT_EQ(build(), 1);
    EXPECT(fake_log_has("disk vdc without vda"));
    start();
    add_kernel("kernel:a");
    add_data("disk:a:vdb rw");
    EXPECT_EQ(build(), 1);
    EXPECT(fake_log_has("disk vdb has the word \"rw\""));
}

TEST(lists_of_cpus)
{
    start();
    add_kernel("kernel:a cpus=2-4,0,31");
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(only("a")->cpu_mask, 0x8000001d);
}

TEST(attachments_without_guest)
{
    static const char *const bad[] = {
        "initrd:x", "disk:x:vda", "initrd:", "disk:", "disk::vda", "initrd:a:",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        start();
        add_kernel("kernel:a");
        add_data(bad[i]);
        EXPECT_EQ(build(), 1);
        (void)only("a");
        EXPECT(fake_log_has("there is no such guest"));
    }
}

TEST(doubled_attachments)
{
    start();
    add_kernel("kernel:a");
    add_data("initrd:a");
    add_data("initrd:a");
    EXPECT_EQ(build(), 1);
    EXPECT_EQ(fake_guests_added, 0);
    start();
    add_kernel("kernel:a");
    add_data("disk:a:vda");
    add_data("disk:a:vda");
    add_data("disk:a:vda");
    EXPECT_EQ(build(), 1);
    EXPECT_EQ(fake_guests_added, 0);
}

TEST(eight_disks)
{
    char s[8][16];

    start();
    add_kernel("kernel:a");
    for (int i = 7; i >= 0; i--) {
        snprintf(s[i], sizeof(s[i]), "disk:a:vd%c", 'a' + i);
        add_data(s[i]);
    }
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(only("a")->nr_disks, 8);
    EXPECT_STR(only("a")->disks[7].name, "vdh");
}

TEST(a_disk_has_whole_sectors)
{
    static uint8_t bytes[1025];

    start();
    add_kernel("kernel:a");
    add("disk:a:vda", bytes, 512);
    add("disk:a:vdb", bytes, 1024);
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(fake_log_lines, 0);
    start();
    add_kernel("kernel:a");
    add("disk:a:vda", bytes, 1025);
    EXPECT_EQ(build(), 0); /* worth a line, no refusal */
    EXPECT(fake_log_has("disk vda: its last 1 bytes are no whole sector"));
    EXPECT_EQ(only("a")->nr_disks, 1);
    start();
    add_kernel("kernel:a");
    add("disk:a:vda", bytes, 511);
    EXPECT_EQ(build(), 1);
    EXPECT(fake_log_has("disk vda has 511 bytes, a sector has 512"));
    EXPECT_EQ(fake_guests_added, 0);
}

TEST(an_image_that_is_none)
{
    start();
    add_data("kernel:a");
    EXPECT_EQ(build(), 1);
    EXPECT(fake_log_has("neither ELF nor bzImage"));
}


TEST(memory_beyond_the_machine)
{
    start();
    bi.regions[0].bytes = 100u << 20;
    add_kernel("kernel:a memory=101");
    add_kernel("kernel:b memory=100");
    EXPECT_EQ(build(), 1);
    (void)only("b");
    EXPECT(fake_log_has("guest a: not started: memory=101, but there are 100 MiB"));
}
