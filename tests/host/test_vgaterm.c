/* SPDX-License-Identifier: MIT */
/* The terminal behind the VGA screen.
 * units: drivers/console/vga_term.c
 */
#include "test.h"

#include "../../drivers/console/vga_term.h"

static struct vga_term term;
static char row_text[VGA_COLS + 1];

static void put(const char *s)
{
    while (*s != '\0')
        vga_term_put(&term, (uint8_t)*s++);
}

/* A row without its blanks on the right. */
static const char *row(uint32_t r)
{
    int n = VGA_COLS;

    for (uint32_t c = 0; c < VGA_COLS; c++)
        row_text[c] = (char)vga_term_row(&term, r)[c];
    while (n > 0 && row_text[n - 1] == ' ')
        n--;
    row_text[n] = '\0';
    return row_text;
}

TEST(vga_text_and_newlines)
{
    vga_term_init(&term);
    put("one\r\ntwo\rT\n.");
    EXPECT_STR(row(0), "one");
    EXPECT_STR(row(1), "Two");
    EXPECT_STR(row(2), " .");
    put("\r\n\ta\b\bb");
    EXPECT_STR(row(3), "       ba");
}

TEST(vga_wraps_only_when_a_character_follows)
{
    vga_term_init(&term);
    for (int i = 0; i < 80; i++)
        put("x");
    EXPECT_EQ(term.row, 0);
    put("\r\nnext");
    EXPECT_STR(row(1), "next");
    put("\033[1;80H!?");
    EXPECT_STR(row(1), "?ext");
}

TEST(vga_scrolls)
{
    vga_term_init(&term);
    for (int i = 0; i < 100; i++) {
        char line[24];

        (void)snprintf(line, sizeof(line), "line %d\r\n", i);
        put(line);
    }
    EXPECT_STR(row(0), "line 76");
    EXPECT_STR(row(23), "line 99");
    EXPECT_STR(row(24), "");
}

TEST(vga_cursor_and_erase)
{
    vga_term_init(&term);
    put("abcdef\033[3D\033[K");
    EXPECT_STR(row(0), "abc");
    put("\033[5;10Hx\033[Ay\033[20Bz");
    EXPECT_STR(row(4), "         x");
    EXPECT_STR(row(3), "          y");
    EXPECT_STR(row(23), "           z");
    put("\033[2J");
    for (uint32_t r = 0; r < VGA_ROWS; r++)
        EXPECT_STR(row(r), "");
    put("\033[Hhome");
    EXPECT_STR(row(0), "home");
}

TEST(vga_colours)
{
    vga_term_init(&term);
    put("a\033[1;31mb\033[0mc\033[44md");
    EXPECT_EQ(vga_term_row(&term, 0)[0], 0x0700 | 'a');
    EXPECT_EQ(vga_term_row(&term, 0)[1], 0x0c00 | 'b');
    EXPECT_EQ(vga_term_row(&term, 0)[2], 0x0700 | 'c');
    EXPECT_EQ(vga_term_row(&term, 0)[3], 0x1700 | 'd');
}

TEST(vga_swallows_unknown_sequences)
{
    vga_term_init(&term);
    put("a\033[?25hb\033[6nc\033=d\033[1;2;3;4;5;6me");
    EXPECT_STR(row(0), "abcde");
}

TEST(vga_survives_noise)
{
    static const char likely[] = "\033\033[[;;0123456789HJKmABCDGdsu\n\r\b\tx";
    struct test_rng rng = {4711};

    vga_term_init(&term);
    for (int i = 0; i < 300000; i++) {
        uint32_t n = test_random_below(&rng, sizeof(likely) + 20);

        vga_term_put(&term, n < sizeof(likely) - 1 ? (uint8_t)likely[n]
                                                : (uint8_t)test_random(&rng));
        REQUIRE(term.row < VGA_ROWS && term.col <= VGA_COLS && term.top < VGA_ROWS);
    }
}
