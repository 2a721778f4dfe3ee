/* SPDX-License-Identifier: MIT */
/* The hypervisor command line (docs/usage.md): every key, every default, every
 * refusal; a refused word changes nothing. */
#include "fake.h"
#include "test.h"

#include "hv/cmdline.h"
#include "hv/log.h"

static struct hv_options o;

static uint32_t parse(const char *line)
{
    fake_log_clear();
    cmdline_parse(&o, line);
    return log_config_errors();
}

TEST(defaults)
{
    EXPECT_EQ(parse(""), 0);
    EXPECT_EQ(o.consoles, 0);
    EXPECT_EQ(o.com[0].baud, 115200);
    EXPECT_EQ(o.com[0].port, 0x3f8);
    EXPECT_EQ(o.com[0].irq, 4);
    EXPECT_EQ(o.com[1].port, 0x2f8);
    EXPECT_EQ(o.com[1].irq, 3);
    EXPECT_EQ(o.keymap, KEYMAP_US);
    EXPECT(!o.demo_off);
    EXPECT_EQ(o.loglvl, LOG_INFO);
    EXPECT_STR(o.test, "");
    EXPECT_EQ(o.exit_mode, EXIT_WAIT);
    EXPECT_EQ(o.timeout_s, 60);
    EXPECT_EQ(o.smp, 0);
    EXPECT(!o.mitigations_off);
    EXPECT_EQ(o.escape, 1);
    EXPECT(!o.guestmem_high);
    EXPECT_EQ(o.audit, 0);
    EXPECT_EQ(o.watchdog_s, 10);
    EXPECT(!o.seed_given);
}

TEST(every_key)
{
    EXPECT_EQ(parse("console=com1,fb com1=9600,8n1,0x3e8,5 com2=19200 keymap=de "
                    "demo=off loglvl=debug test=tr,hc.init_twice exit=debug-exit "
                    "timeout=5 smp=2 mitigations=off escape=^B guestmem=high "
                    "audit=7 watchdog=0 seed=0x123456789abcdef0"), 0);
    EXPECT_EQ(o.consoles, CONSOLE_COM1 | CONSOLE_FB);
    EXPECT_EQ(o.com[0].baud, 9600);
    EXPECT_EQ(o.com[0].port, 0x3e8);
    EXPECT_EQ(o.com[0].irq, 5);
    EXPECT_EQ(o.com[1].baud, 19200);
    EXPECT_EQ(o.com[1].port, 0x2f8);
    EXPECT_EQ(o.keymap, KEYMAP_DE);
    EXPECT(o.demo_off);
    EXPECT_EQ(o.loglvl, LOG_DEBUG);
    EXPECT_STR(o.test, "tr,hc.init_twice");
    EXPECT_EQ(o.exit_mode, EXIT_DEBUG);
    EXPECT_EQ(o.timeout_s, 5);
    EXPECT_EQ(o.smp, 2);
    EXPECT(o.mitigations_off);
    EXPECT_EQ(o.escape, 2);
    EXPECT(o.guestmem_high);
    EXPECT_EQ(o.audit, 7);
    EXPECT_EQ(o.watchdog_s, 0);
    EXPECT(o.seed_given);
    EXPECT_EQ(o.seed, 0x123456789abcdef0ull);
}

TEST(every_value_of_the_word_keys)
{
    EXPECT_EQ(parse("console=com1,com2,vga,fb"), 0);
    EXPECT_EQ(o.consoles, CONSOLE_COM1 | CONSOLE_COM2 | CONSOLE_VGA | CONSOLE_FB);
    EXPECT_EQ(parse("keymap=fr exit=poweroff loglvl=error smp=off"), 0);
    EXPECT_EQ(o.keymap, KEYMAP_FR);
    EXPECT_EQ(o.exit_mode, EXIT_POWEROFF);
    EXPECT_EQ(o.loglvl, LOG_ERROR);
    EXPECT_EQ(o.smp, 1);
    EXPECT_EQ(parse("keymap=us exit=reboot loglvl=warn demo=auto guestmem=auto "
                    "mitigations=auto"), 0);
    EXPECT_EQ(o.exit_mode, EXIT_REBOOT);
    EXPECT_EQ(o.loglvl, LOG_WARN);
    EXPECT_EQ(parse("exit=halt"), 0);
    EXPECT_EQ(o.exit_mode, EXIT_HALT);
    EXPECT_EQ(parse("exit=wait test=all"), 0);
    EXPECT_EQ(o.exit_mode, EXIT_WAIT);
    EXPECT_EQ(parse("escape=^]"), 0);
    EXPECT_EQ(o.escape, 29);
    EXPECT_EQ(parse("escape=^z"), 0);
    EXPECT_EQ(o.escape, 26);
    EXPECT_EQ(parse("escape=^a"), 0);
    EXPECT_EQ(o.escape, 1);
    EXPECT_EQ(parse("escape=^_"), 0);
    EXPECT_EQ(o.escape, 31);
    EXPECT_EQ(parse("escape=^A com1=115200,8n1,0xfff8,15"), 0);
    EXPECT_EQ(o.escape, 1);
    EXPECT_EQ(o.com[0].port, 0xfff8);
    EXPECT_EQ(parse("com1=9600,8n1,0xfff9"), 1);
    EXPECT_EQ(parse("test=longer test=ab"), 0);
    EXPECT_STR(o.test, "ab");
}

TEST(last_of_a_repeated_key_wins)
{
    EXPECT_EQ(parse("exit=halt demo=off exit=reboot demo=auto"), 0);
    EXPECT_EQ(o.exit_mode, EXIT_REBOOT);
    EXPECT(!o.demo_off);
    /* ... if it is good: a bad one is ignored. */
    EXPECT_EQ(parse("timeout=9 timeout=x"), 1);
    EXPECT_EQ(o.timeout_s, 9);
    EXPECT_EQ(parse("demo=off demo=maybe"), 1);
    EXPECT(o.demo_off);
}

TEST(file_name_in_front_is_skipped)
{
    EXPECT_EQ(parse("build/ringside.elf exit=halt"), 0);
    EXPECT_EQ(o.exit_mode, EXIT_HALT);
    EXPECT_EQ(parse("ringside.elf"), 0);
    EXPECT_EQ(parse("/boot/x=y/ringside exit=halt"), 0);
    EXPECT_EQ(o.exit_mode, EXIT_HALT);
    EXPECT_EQ(parse("exit=halt ringside.elf"), 1);
    EXPECT_EQ(parse("exit=halt /ringside.elf"), 1);
}

TEST(blanks_of_all_kinds_divide_words)
{
    EXPECT_EQ(parse("  exit=halt\t\tdemo=off \r\n smp=3  "), 0);
    EXPECT_EQ(o.exit_mode, EXIT_HALT);
    EXPECT_EQ(o.smp, 3);
}

TEST(refusals_are_counted_and_change_nothing)
{
    static const char *const bad[] = {
        "x=1", "console=", "console=com3", "console=com1,", "console=com1,,vga",
        "com1=", "com1=0", "com1=115201", "com1=9600,7e1", "com1=9600,8n1,0",
        "com1=9600,8n1,0x10000", "com1=9600,8n1,0x3f8,16",
        "com1=9600,8n1,0x3f8,4,5", "keymap=", "keymap=xx", "keymap=USX",
        "demo=on", "demo=", "loglvl=verbose", "test=", "test=,",
        "test=tr,", "test=,tr", "test=tr,,hc", "exit=debug",
        "timeout=0", "timeout=-1", "timeout=1s", "timeout=99999999999999999999",
        "smp=0", "smp=on", "mitigations=on", "escape=A", "escape=^", "escape=^1",
        "escape=^AB", "escape=^@", "guestmem=low", "audit=", "audit=x",
        "audit=4294967296", "watchdog=-1", "seed=", "seed=0x1ffffffffffffffff",
        "seed=12z", "exit", "=", "=halt", "exit==halt", "Exit=halt", "--",
    };
    struct hv_options plain;

    (void)parse("");
    plain = o;
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        char line[128];

        snprintf(line, sizeof(line), "demo=auto %s", bad[i]);
        if (parse(line) != 1)
            printf("%s: %u errors\n", bad[i], log_config_errors());
        EXPECT_EQ(log_config_errors(), 1);
        EXPECT_EQ(fake_log_lines, 1);
        EXPECT_EQ(o.test_refused, strncmp(bad[i], "test=", 5) == 0);
        o.test_refused = false;
        EXPECT_EQ(memcmp(&plain, &o, sizeof(o)), 0);
    }
}

TEST(messages_say_what_is_wanted)
{
    (void)parse("demo=off exit=now");
    EXPECT_STR(fake_log_last(), "command line: \"exit=now\" ignored: exit wants "
               "wait, poweroff, reboot, debug-exit or halt");
    (void)parse("demo=off foo=1");
    EXPECT_STR(fake_log_last(),
               "command line: \"foo=1\" ignored: no such key");
    (void)parse("demo=off a\x1b[2Jb\xff=1");
    EXPECT(fake_log_has("\"a?[2Jb?=1\""));
}

/* What QEMU's microvm, Firecracker and kvmtool put behind the user's words: no error, which
 * would keep test= from running, and one line for all. */
TEST(words_for_linux_are_named_and_not_used)
{
    struct hv_options plain;
    char line[2048] = "demo=off";

    (void)parse("test=hc");
    plain = o;
    EXPECT_EQ(parse("test=hc virtio_mmio.device=512@0xfeb00e00:12 "
                    "virtio_mmio.device=4K@0xd0000000:5"), 0);
    EXPECT_EQ(memcmp(&plain, &o, sizeof(o)), 0);
    EXPECT_EQ(fake_log_lines, 1);
    EXPECT_STR(fake_log_last(), "command line: for Linux, not used: "
               "virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=4K@0xd0000000:5");
    EXPECT_EQ(parse("reboot=k panic=1 pci=off nomodules 8250.nr_uarts=0 i8042.noaux i8042.nomux "
                    "i8042.nopnp i8042.dumbkbd root=/dev/vda rw test=hc swiotlb=noforce"), 0);
    EXPECT_EQ(memcmp(&plain, &o, sizeof(o)), 0);
    EXPECT_EQ(fake_log_lines, 1);
    EXPECT_EQ(parse("test=hc noapic noacpi pci=conf1 reboot=k panic=1 i8042.direct=1 ro "
                    "i8042.nopnp=1 earlyprintk=serial console=ttyS0 nomodule"), 0);
    EXPECT_EQ(memcmp(&plain, &o, sizeof(o)), 0);
    EXPECT_EQ(fake_log_lines, 1);
    /* More than a line takes, and nothing that a terminal would obey. */
    for (uint32_t i = 0; i < 60; i++)
        (void)snprintf(line + strlen(line), 100, " i8042.\x1b%02u%s", i,
                       i % 7 ? "" : "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    EXPECT_EQ(parse(line), 0);
    EXPECT_EQ(fake_log_lines, 1);
    EXPECT(fake_log_has("not used: i8042.?00xxx"));
    EXPECT(strlen(fake_log_last()) < 240 && strchr(fake_log_last(), '\x1b') == NULL);
    EXPECT_STR(fake_log_last() + strlen(fake_log_last()) - 4, " ...");
}

TEST(words_that_only_look_like_linux)
{
    static const char *const bad[] = {"rox", "r", "pci", "reboot", "virtio_mmio", "nomodulesx=1",
                                      "console=tty", "xroot=1", "noapicx", "i8042"};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "demo=off %s", bad[i]);
        EXPECT_EQ(parse(line), 1);
    }
}

TEST(long_words)
{
    char line[2048];

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    memcpy(line, "test=", 5);
    EXPECT_EQ(parse(line), 1);
    EXPECT_STR(o.test, "");
    EXPECT(o.test_refused);
    EXPECT(strlen(fake_log_last()) < 200);
    line[5 + 255] = '\0';
    EXPECT_EQ(parse(line), 0);
    EXPECT_EQ(strlen(o.test), 255);
    EXPECT(!o.test_refused);
    line[5 + 255] = 'x';
    line[5 + 256] = '\0';
    EXPECT_EQ(parse(line), 1);
    EXPECT(o.test_refused);
}

/* A suite that was asked for and cannot be run must not look like none at all. */
TEST(a_refused_test_is_remembered)
{
    (void)parse("test=");
    EXPECT(o.test_refused);
    (void)parse("demo=off test");
    EXPECT(o.test_refused);
    (void)parse("test= timeout=3 test=hc");
    EXPECT(o.test_refused);
    (void)parse("timeout=0 test=hc");
    EXPECT(!o.test_refused);
}
