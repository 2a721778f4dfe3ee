/* SPDX-License-Identifier: MIT */
/* Config modules (docs/usage.md, "Modules"): keys, images, comments, refusals. */
#include "modules_fixture.h"

TEST(config_gives_keys_and_the_modules_own_win)
{
    start();
    add_kernel("kernel:a memory=20");
    add_kernel("kernel:b cap=1 -- own line");
    add_config("# two guests\n"
               "\n"
               "kernel:a memory=30 cap=40 -- from config\r\n"
               "   kernel:b memory=33 cap=2 -- not this   \n");
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(fake_guests_added, 2);
    EXPECT_EQ(fake_guest_added("a")->memory_mib, 20);
    EXPECT_EQ(fake_guest_added("a")->cap_percent, 40);
    EXPECT_STR(fake_guest_added("a")->cmdline, "from config");
    EXPECT_EQ(fake_guest_added("b")->memory_mib, 33);
    EXPECT_EQ(fake_guest_added("b")->cap_percent, 1);
    EXPECT_STR(fake_guest_added("b")->cmdline, "own line");
}

TEST(config_reuses_an_image)
{
    start();
    add_kernel("/boot/vmlinux kernel:a");
    add_config("kernel:b image=a memory=20\n"
               "kernel:c memory=21 image=vmlinux -- x image=y\n"
               "kernel:d image=/boot/vmlinux");
    add_data("initrd:b");
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(fake_guests_added, 4);
    EXPECT(fake_guest_added("b")->kernel.data == elf);
    EXPECT_EQ(fake_guest_added("b")->initrd.bytes, sizeof(data));
    EXPECT_EQ(fake_guest_added("c")->memory_mib, 21);
    EXPECT_STR(fake_guest_added("c")->cmdline, "x image=y");
    EXPECT_STR(fake_guest_added("d")->kernel_name, "vmlinux");
}

TEST(config_lines_that_are_wrong)
{
    static const char *const bad[] = {
        "kernel:x memory=10", "kernel:x image=none", "kernel:x image=",
        "memory=10", "kernel: image=a", "kernel:-x image=a", "a", "Kernel:a",
        "kernel:a image=a", "initrd:a", "kernel:x # image=a",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        start();
        add_kernel("kernel:a");
        add_config(bad[i]);
        if (build() != 1)
            printf("%s\n", bad[i]);
        EXPECT_EQ(log_config_errors(), 1);
        (void)only("a");
    }
}

TEST(an_image_is_a_modules)
{
    start();
    add_kernel("kernel:a");
    add_config("kernel:b image=a\nkernel:c image=b\n");
    EXPECT_EQ(build(), 1);
    EXPECT_EQ(fake_guests_added, 2);
    EXPECT(fake_log_has("config line 2: no image for guest \"c\""));
}

TEST(config_refusals_name_the_line)
{
    start();
    add_kernel("kernel:a");
    add_config("# 1\n\n\nnonsense here\n");
    EXPECT_EQ(build(), 1);
    EXPECT(fake_log_has("config line 4: \"nonsense\""));
    start();
    add_kernel("kernel:a");
    add_config("kernel:a cap=1\nkernel:a cap=2\n");
    EXPECT_EQ(build(), 1);
    EXPECT(fake_log_has("config line 2: there is a guest a already"));
    EXPECT_EQ(only("a")->cap_percent, 1);
}

TEST(config_comment_behind_the_keys)
{
    start();
    add_kernel("kernel:a");
    add_config("kernel:a memory=30 # not for -- us\n");
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(only("a")->memory_mib, 30);
    EXPECT_STR(only("a")->cmdline, "");
    start();
    add_kernel("kernel:a");
    add_config("kernel:a -- a # b\n");
    EXPECT_EQ(build(), 0);
    EXPECT_STR(only("a")->cmdline, "a # b");
}

TEST(config_of_odd_bytes)
{
    start();
    add_kernel("kernel:a");
    add_config("");
    bi.modules[1].bytes = 0; /* what the parser never lets through */
    EXPECT_EQ(build(), 0);
    start();
    add_kernel("kernel:a");
    add("config", "\0\0\nkernel:a\0cap=3\0\n\0", 20);
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(only("a")->cap_percent, 3);
}

/* What editors of other systems save: a byte order mark, CR LF, tabs, no last newline. */
TEST(config_of_other_editors)
{
    start();
    add_kernel("kernel:a");
    add_config("\xef\xbb\xbfkernel:a\tcap=3\r\nkernel:b\timage=a\tmemory=7\r");
    EXPECT_EQ(build(), 0);
    EXPECT_EQ(fake_guests_added, 2);
    EXPECT_EQ(fake_guest_added("a")->cap_percent, 3);
    EXPECT_EQ(fake_guest_added("b")->memory_mib, 7);
    start();
    add_kernel("kernel:a");
    add_config("\xef\xbb\xbf");
    EXPECT_EQ(build(), 0);
    start();
    add_kernel("kernel:a");
    add_config("# not at the beginning\n\xef\xbb\xbfkernel:a cap=3");
    EXPECT_EQ(build(), 1);
}

TEST(config_in_utf_16_is_one_line)
{
    static const struct {
        const char *bytes;
        uint32_t n;
    } texts[] = {
        {"\xff\xfek\0e\0r\0\n\0x\0", 12}, {"\xfe\xff\0k\0e\0\n\0x", 10},
        {"k\0e\0\n\0x\0", 8}, {"\0k\0e\0\n\0x", 8}, {"\xff\xfe", 2},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(texts); i++) {
        char *exact = malloc(texts[i].n);

        memcpy(exact, texts[i].bytes, texts[i].n);
        start();
        add_kernel("kernel:a");
        add("config", exact, texts[i].n);
        EXPECT_EQ(build(), 1);
        EXPECT(fake_log_has("config: UTF-16"));
        (void)only("a");
    }
}
