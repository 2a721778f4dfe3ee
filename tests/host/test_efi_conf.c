/* SPDX-License-Identifier: MIT */
/* ringside.conf: what each line means, and one sentence for each that means
 * nothing (docs/boot.md). */
#include "efi/conf.h"
#include "test.h"

static struct conf conf;

/* Parsed from memory of its exact size: the sanitizer sees one byte too far. */
static bool parse_bytes(const char *text, uint32_t n)
{
    static char *exact;

    free(exact);
    exact = malloc(n > 0 ? n : 1);
    memcpy(exact, text, n);
    return conf_parse(&conf, exact, n);
}

static bool parse(const char *text)
{
    return parse_bytes(text, (uint32_t)strlen(text));
}

static void expect_words(uint32_t i, const char *want)
{
    EXPECT(span_is(conf.modules[i].words, want));
}

TEST(conf_empty_file_is_the_default_monitor)
{
    EXPECT(parse(""));
    EXPECT_STR(conf.monitor, "/ringside/ringside.elf");
    EXPECT_STR(conf.options, "");
    EXPECT_EQ(conf.nr_modules, 0);
}

TEST(conf_all_lines)
{
    EXPECT(parse("# first\n"
                 "monitor debug.elf\n"
                 "\n"
                 "options console=com1  test=all\n"
                 "  module vmlinux kernel:web memory=96 -- console=hvc0 quiet\n"
                 "module \\boot\\root.gz initrd:web"));
    EXPECT_STR(conf.monitor, "/ringside/debug.elf");
    EXPECT_STR(conf.options, "console=com1  test=all");
    REQUIRE(conf.nr_modules == 2);
    EXPECT_STR(conf.modules[0].path, "/ringside/vmlinux");
    expect_words(0, "kernel:web memory=96 -- console=hvc0 quiet");
    EXPECT_STR(conf.modules[1].path, "/boot/root.gz");
    expect_words(1, "initrd:web");
}

TEST(conf_editors_of_other_systems)
{
    EXPECT(parse("\xef\xbb\xbfmodule\tlinux\\vmlinux\r\n\toptions a=b\r\n"));
    REQUIRE(conf.nr_modules == 1);
    EXPECT_STR(conf.modules[0].path, "/ringside/linux/vmlinux");
    expect_words(0, "");
    EXPECT_STR(conf.options, "a=b");
    EXPECT(!parse_bytes("m\0o\0n\0", 6));
    EXPECT_STR(conf.error, "no plain text: save it as ASCII or UTF-8");
    EXPECT(!parse("\xff\xfe\x42\x30")); /* UTF-16 without a letter of ASCII */
    EXPECT_STR(conf.error, "no plain text: save it as ASCII or UTF-8");
    EXPECT(parse("\xef\xbb\xbf"));
}

/* Who is used to writing a backslash twice means one. */
TEST(conf_separators_may_be_doubled)
{
    EXPECT(parse("monitor \\\\ringside\\\\x.elf\nmodule a\\\\b//c\nmodule //EFI\\\\\\d x\n"));
    EXPECT_STR(conf.monitor, "/ringside/x.elf");
    REQUIRE(conf.nr_modules == 2);
    EXPECT_STR(conf.modules[0].path, "/ringside/a/b/c");
    EXPECT_STR(conf.modules[1].path, "/EFI/d");
}

TEST(conf_options_lines_are_joined)
{
    EXPECT(parse("options a=1\noptions\noptions b=2 c=3\n"));
    EXPECT_STR(conf.options, "a=1 b=2 c=3");
}

TEST(conf_options_fill_the_command_line_to_its_last_byte)
{
    char text[8 + BOOT_CMDLINE_BYTES + 16] = "options ";
    uint32_t most = BOOT_CMDLINE_BYTES - 1;

    memset(text + 8, 'x', most);
    EXPECT(parse(text));
    EXPECT_EQ(strlen(conf.options), most);
    text[8 + most] = 'x';
    EXPECT(!parse(text));
    EXPECT(strstr(conf.error, "line 1: ") == conf.error);
    EXPECT(strstr(conf.error, "is more than the command line has room for"));
    /* In two lines: nine bytes of text become the one blank between them. */
    memset(text + 8, 'x', most + 8);
    memcpy(text + 8 + 100, "\noptions ", 9);
    EXPECT(parse(text));
    EXPECT_EQ(strlen(conf.options), most);
    text[8 + most + 8] = 'x';
    EXPECT(!parse(text));
}

TEST(conf_paths_to_their_last_byte)
{
    char text[CONF_PATH_BYTES + 64] = "monitor ";
    uint32_t most = CONF_PATH_BYTES - 1 - (uint32_t)strlen(CONF_DIR);

    memset(text + 8, 'm', most);
    EXPECT(parse(text));
    EXPECT_EQ(strlen(conf.monitor), CONF_PATH_BYTES - 1);
    text[8 + most] = 'm';
    EXPECT(!parse(text));
    EXPECT(strstr(conf.error, "is too long for the name of a file"));
}

TEST(conf_refusals_name_the_line_and_the_way_out)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"# x\n\nmodul vmlinux\n",
         "line 3: \"modul vmlinux\" is none of monitor, options, module"},
        {"monitor\n", "line 1: \"monitor\" needs the name of a file"},
        {"module  \r\n", "line 1: \"module\" needs the name of a file"},
        {"monitor a\nmonitor b\n", "line 2: \"monitor b\" is a second monitor"},
        {"monitor a test=all", "line 1: \"monitor a test=all\" has words behind "
                               "the file: they go into an options line"},
        {"module \\ x", "line 1: \"module \\ x\" ends in the name of a directory"},
        {"module \\\\", "line 1: \"module \\\\\" ends in the name of a directory"},
        {"module a\\\\", "line 1: \"module a\\\\\" ends in the name of a directory"},
        {"module gr\xc3\xbcn", "line 1: \"module gr??n\" is no file name in ASCII"},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        EXPECT(!parse(bad[i].text));
        EXPECT_STR(conf.error, bad[i].error);
    }
}

TEST(conf_as_many_modules_as_the_monitor_takes)
{
    static char text[BOOT_MAX_MODULES * 16 + 16];

    for (uint32_t i = 0; i < BOOT_MAX_MODULES; i++)
        strcat(text, "module a b\n");
    EXPECT(parse(text));
    EXPECT_EQ(conf.nr_modules, BOOT_MAX_MODULES);
    strcat(text, "module a b\n");
    EXPECT(!parse(text));
    EXPECT_STR(conf.error, "line 65: \"module a b\" is one module too many");
}
