/* SPDX-License-Identifier: MIT */
/* Scan codes to bytes: layouts, modifiers, special keys. */
#include "test.h"

#include "../../drivers/input/keymap.h"

#define UP(code) ((code) | 0x80)
#define SHIFT 0x2a
#define CTRL 0x1d
#define ALT 0x38
#define CAPS 0x3a
#define NUM 0x45

static struct keymap_state k;
static char text[64];

/* What a row of scan codes types, ended by 0. */
static const char *type(const uint8_t *codes)
{
    uint32_t n = 0;

    for (; *codes != 0; codes++) {
        uint8_t out[KEYMAP_MAX_BYTES];
        uint32_t bytes = keymap_feed(&k, *codes, out);

        REQUIRE(bytes <= KEYMAP_MAX_BYTES && n + bytes < sizeof(text));
        memcpy(text + n, out, bytes);
        n += bytes;
    }
    text[n] = '\0';
    return text;
}

#define TYPE(...) type((const uint8_t[]){__VA_ARGS__, 0})

TEST(keymap_us_letters_and_shift)
{
    keymap_init(&k, KEYMAP_US);
    EXPECT_STR(TYPE(0x23, UP(0x23), 0x17, UP(0x17)), "hi");
    EXPECT_STR(TYPE(SHIFT, 0x23, UP(0x23), UP(SHIFT), 0x17), "Hi");
    EXPECT_STR(TYPE(0x02, 0x03, 0x0b, 0x0c, 0x0d), "120-=");
    EXPECT_STR(TYPE(SHIFT, 0x02, 0x03, 0x0b, 0x0c, 0x0d, UP(SHIFT)), "!@)_+");
    EXPECT_STR(TYPE(0x1a, 0x1b, 0x27, 0x28, 0x29, 0x2b, 0x33, 0x34, 0x35, 0x39),
               "[];'`\\,./ ");
    EXPECT_STR(TYPE(0x2c, 0x32, 0x15), "zmy");
}

TEST(keymap_german)
{
    keymap_init(&k, KEYMAP_DE);
    EXPECT_STR(TYPE(0x15, 0x2c, 0x1a, 0x27, 0x28, 0x0c), "zy\xc3\xbc\xc3\xb6\xc3\xa4\xc3\x9f");
    EXPECT_STR(TYPE(SHIFT, 0x08, 0x35, 0x2b, UP(SHIFT)), "/_'");
    EXPECT_STR(TYPE(0xe0, ALT, 0x10, 0x08, 0x0b, 0x0c, 0x56, 0xe0, UP(ALT)), "@{}\\|");
    EXPECT_STR(TYPE(0xe0, ALT, 0x12, 0xe0, UP(ALT)), "\xe2\x82\xac");
}

TEST(keymap_french)
{
    keymap_init(&k, KEYMAP_FR);
    EXPECT_STR(TYPE(0x10, 0x1e, 0x11, 0x2c, 0x27), "aqzwm");
    EXPECT_STR(TYPE(SHIFT, 0x02, 0x03, 0x34, UP(SHIFT)), "12/");
    EXPECT_STR(TYPE(0x33, 0x34, 0x32), ";:,");
    EXPECT_STR(TYPE(0xe0, ALT, 0x0b, 0x07, 0xe0, UP(ALT)), "@|");
}

TEST(keymap_control_codes)
{
    uint8_t out[KEYMAP_MAX_BYTES];

    keymap_init(&k, KEYMAP_US);
    EXPECT_STR(TYPE(CTRL, 0x1e, UP(CTRL), 0x1e), "\001a");
    EXPECT_STR(TYPE(0xe0, CTRL, 0x2e, 0xe0, UP(CTRL)), "\003");
    EXPECT_STR(TYPE(CTRL, 0x1a, UP(CTRL)), "\033"); /* Ctrl-[ */
    (void)TYPE(CTRL);
    EXPECT_EQ(keymap_feed(&k, 0x39, out), 1); /* Ctrl-space */
    EXPECT_EQ(out[0], 0);
    EXPECT_STR(TYPE(UP(CTRL), ALT, 0x30, UP(ALT)), "\033b");
}

TEST(keymap_locks)
{
    keymap_init(&k, KEYMAP_US);
    EXPECT_STR(TYPE(CAPS, UP(CAPS), 0x1e, 0x02, SHIFT, 0x1e, UP(SHIFT), CAPS, 0x1e),
               "A1aa");
    EXPECT_STR(TYPE(0x47, 0x50, 0x53), "72.");
    EXPECT_STR(TYPE(NUM, UP(NUM), 0x47, 0x50, 0x53), "\033[H\033[B\033[3~");
    EXPECT_STR(TYPE(0x4a, 0x4e), "-+");
}

TEST(keymap_special_keys)
{
    keymap_init(&k, KEYMAP_US);
    EXPECT_STR(TYPE(0x01, 0x0e, 0x0f, 0x1c), "\033\177\t\r");
    EXPECT_STR(TYPE(0xe0, 0x48, 0xe0, UP(0x48), 0xe0, 0x4b), "\033[A\033[D");
    EXPECT_STR(TYPE(0xe0, 0x49), "\033[5~");
    EXPECT_STR(TYPE(0xe0, 0x1c, 0xe0, 0x35), "\r/");
    EXPECT_STR(TYPE(0x3b, 0x58), "\033OP\033[24~");
}

/* Page Up and Down are told apart from what they type; the digits of the keypad
 * are not them. */
TEST(keymap_page_keys)
{
    keymap_init(&k, KEYMAP_US);
    EXPECT_STR(TYPE(0xe0, 0x49), "\033[5~");
    EXPECT_EQ(k.page, 1);
    (void)TYPE(0xe0, UP(0x49));
    EXPECT_EQ(k.page, 0);
    (void)TYPE(SHIFT, 0xe0, UP(0x2a), 0xe0, 0x51);
    EXPECT_EQ(k.page, -1);
    EXPECT(k.shift_left);
    EXPECT_STR(TYPE(UP(SHIFT), 0x49), "9");
    EXPECT_EQ(k.page, 0);
    (void)TYPE(NUM, 0x49);
    EXPECT_EQ(k.page, 1);
    (void)TYPE(0x47);
    EXPECT_EQ(k.page, 0);
}

/* Print screen and Pause send codes that look like others. */
TEST(keymap_swallows_odd_sequences)
{
    keymap_init(&k, KEYMAP_US);
    EXPECT_STR(TYPE(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x1e), "a");
    EXPECT_STR(TYPE(0xe0, SHIFT, 0xe0, 0x4d, 0xe0, UP(SHIFT), 0x1e), "\033[Ca");
    EXPECT(k.num_lock);
}

/* No sequence of bytes from a mad controller writes past the buffer. */
TEST(keymap_survives_noise)
{
    struct test_rng rng = {99};

    for (int layout = KEYMAP_US; layout <= KEYMAP_FR; layout++) {
        keymap_init(&k, (enum hv_keymap)layout);
        for (int i = 0; i < 100000; i++) {
            uint8_t out[KEYMAP_MAX_BYTES];

            EXPECT(keymap_feed(&k, (uint8_t)test_random(&rng), out) <=
                   KEYMAP_MAX_BYTES);
        }
    }
}
