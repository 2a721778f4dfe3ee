/* SPDX-License-Identifier: MIT */
/* The 8042 and its keyboard as a model whose answers are ours: right ones, wrong ones
 * and none.  Whatever they are, at the end the keyboard's port is open, all waits have
 * ended, and one line says what was odd. */
#include "fake.h"
#include "test.h"

#include "arch/io.h"
#include "hv/config.h"
#include "hv/driver.h"

#define SILENT -1

static struct {
    bool absent;      /* the bus reads all ones */
    bool never_takes; /* the input buffer stays full */
    int self_test, config; /* answers; SILENT: none */
    int keyboard[4];  /* to each 0xf4 in turn */
    bool typed;       /* a key comes before the first acknowledge */
    bool port_open;
    uint8_t written_config, command;
    uint32_t nr_f4, accesses;
    uint8_t out[8];
    uint32_t out_bytes;
} pc;

static void answer(int byte)
{
    if (byte != SILENT && pc.out_bytes < sizeof(pc.out))
        pc.out[pc.out_bytes++] = (uint8_t)byte;
}

uint8_t io_in8(uint16_t port)
{
    uint8_t byte;

    pc.accesses++;
    if (pc.absent)
        return 0xff;
    if (port == 0x64)
        return (uint8_t)((pc.out_bytes > 0 ? 1 : 0) | (pc.never_takes ? 2 : 0));
    if (port != 0x60 || pc.out_bytes == 0)
        return 0;
    byte = pc.out[0];
    memmove(pc.out, pc.out + 1, --pc.out_bytes);
    return byte;
}

static void command(uint8_t byte)
{
    pc.command = byte;
    if (byte == 0xad)
        pc.port_open = false;
    else if (byte == 0xae)
        pc.port_open = true;
    else if (byte == 0xaa)
        answer(pc.self_test);
    else if (byte == 0x20)
        answer(pc.config);
}

static void data(uint8_t byte)
{
    if (pc.command == 0x60) {
        pc.written_config = byte;
        pc.command = 0;
    } else if (byte == 0xf4 && pc.port_open) {
        if (pc.typed && pc.nr_f4 == 0)
            answer(0x1e);
        answer(pc.keyboard[pc.nr_f4++ & 3]);
    }
}

void io_out8(uint16_t port, uint8_t byte)
{
    pc.accesses++;
    if (port == 0x64)
        command(byte);
    else if (port == 0x60)
        data(byte);
}

/* As every other machine has it. */
static void good_machine(void)
{
    memset(&pc, 0, sizeof(pc));
    pc.self_test = 0x55;
    pc.config = 0x74; /* both ports disabled, as we are asked to */
    pc.keyboard[0] = 0xfa;
    fake_log_clear();
}

static bool found(void)
{
    bool there = ps2_keyboard_init(KEYMAP_US) != NULL;

    EXPECT(pc.accesses < 1000000);
    return there;
}

TEST(a_good_keyboard)
{
    good_machine();
    EXPECT(found());
    EXPECT(pc.port_open);
    EXPECT_EQ(pc.written_config, 0x65);
    EXPECT(fake_log_has("keyboard: PS/2"));
    EXPECT_EQ(fake_log_lines, 1);
}

/* 0xfc is "error", 0xfd seen too; the keyboard works all the same. */
TEST(self_tests_that_fail)
{
    static const int answers[] = {0xfc, 0xfd, 0x00, 0xff, SILENT};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(answers); i++) {
        good_machine();
        pc.self_test = answers[i];
        EXPECT(found());
        EXPECT(pc.port_open);
        EXPECT_EQ(pc.written_config, 0x65);
        EXPECT(fake_log_has("keyboard: PS/2"));
        EXPECT(fake_log_has(answers[i] == SILENT ? "does not answer" : "ends with 0x"));
        EXPECT_EQ(fake_log_lines, 2);
    }
}

TEST(a_configuration_that_cannot_be_read)
{
    good_machine();
    pc.config = SILENT;
    EXPECT(found());
    EXPECT(pc.port_open);
    EXPECT_EQ(pc.written_config, 0x45); /* IRQ 1, system flag, translation */
}

TEST(nothing_there)
{
    good_machine();
    pc.absent = true;
    EXPECT(!found());
    good_machine();
    pc.never_takes = true;
    EXPECT(!found());
    /* It takes commands and says nothing: nobody there, but nothing is shut. */
    good_machine();
    pc.self_test = pc.config = pc.keyboard[0] = SILENT;
    EXPECT(!found());
    EXPECT(pc.port_open);
}

/* A resend, and a key that is pressed at that moment. */
TEST(a_keyboard_that_stumbles)
{
    good_machine();
    pc.keyboard[0] = pc.keyboard[1] = 0xfe;
    pc.keyboard[2] = 0xfa;
    EXPECT(found());
    EXPECT(fake_log_has("keyboard: PS/2"));
    good_machine();
    pc.typed = true;
    EXPECT(found());
    EXPECT(fake_log_has("keyboard: PS/2"));
    good_machine();
    pc.keyboard[0] = SILENT;
    EXPECT(found());
    EXPECT(fake_log_has("keyboard: none answers"));
}
