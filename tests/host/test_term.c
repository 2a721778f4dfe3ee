/* SPDX-License-Identifier: MIT */
/* The terminal behind the screens. */
#include "test.h"

#include "../../drivers/console/term.h"

#define COLS 80u
#define ROWS 25u

static struct term term;
static uint16_t cells[ROWS * COLS];
static char row_text[COLS + 1];

static void start(void)
{
    term_init(&term, cells, COLS, ROWS);
}

static void put(const char *s)
{
    while (*s != '\0')
        term_put(&term, (uint8_t)*s++);
}

/* A row without its blanks on the right. */
static const char *row(uint32_t r)
{
    int n = COLS;

    for (uint32_t c = 0; c < COLS; c++)
        row_text[c] = (char)term_row(&term, 0, r)[c];
    while (n > 0 && row_text[n - 1] == ' ')
        n--;
    row_text[n] = '\0';
    return row_text;
}

TEST(term_text_and_newlines)
{
    start();
    put("one\r\ntwo\rT\n.");
    EXPECT_STR(row(0), "one");
    EXPECT_STR(row(1), "Two");
    EXPECT_STR(row(2), " .");
    put("\r\n\ta\b\bb");
    EXPECT_STR(row(3), "       ba");
}

TEST(term_wraps_only_when_a_character_follows)
{
    start();
    for (int i = 0; i < 80; i++)
        put("x");
    EXPECT_EQ(term.row, 0);
    put("\r\nnext");
    EXPECT_STR(row(1), "next");
    put("\033[1;80H!?");
    EXPECT_STR(row(1), "?ext");
}

TEST(term_scrolls)
{
    start();
    for (int i = 0; i < 100; i++) {
        char line[24];

        (void)snprintf(line, sizeof(line), "line %d\r\n", i);
        put(line);
    }
    EXPECT_STR(row(0), "line 76");
    EXPECT_STR(row(23), "line 99");
    EXPECT_STR(row(24), "");
}

TEST(term_cursor_and_erase)
{
    start();
    put("abcdef\033[3D\033[K");
    EXPECT_STR(row(0), "abc");
    put("\033[5;10Hx\033[Ay\033[20Bz");
    EXPECT_STR(row(4), "         x");
    EXPECT_STR(row(3), "          y");
    EXPECT_STR(row(23), "           z");
    put("\033[2J");
    for (uint32_t r = 0; r < ROWS; r++)
        EXPECT_STR(row(r), "");
    put("\033[Hhome");
    EXPECT_STR(row(0), "home");
}

TEST(term_colours)
{
    start();
    put("a\033[1;31mb\033[0mc\033[44md");
    EXPECT_EQ(term_row(&term, 0, 0)[0], 0x0700 | 'a');
    EXPECT_EQ(term_row(&term, 0, 0)[1], 0x0c00 | 'b');
    EXPECT_EQ(term_row(&term, 0, 0)[2], 0x0700 | 'c');
    EXPECT_EQ(term_row(&term, 0, 0)[3], 0x1700 | 'd');
}

TEST(term_swallows_unknown_sequences)
{
    start();
    put("a\033[?25hb\033[6nc\033=d\033[1;2;3;4;5;6me");
    EXPECT_STR(row(0), "abcde");
}

TEST(term_survives_noise)
{
    static const char likely[] = "\033\033[[;;0123456789HJKmABCDGdsu\n\r\b\tx";
    struct test_rng rng = {4711};

    start();
    for (int i = 0; i < 300000; i++) {
        uint32_t n = test_random_below(&rng, sizeof(likely) + 20);

        term_put(&term, n < sizeof(likely) - 1 ? (uint8_t)likely[n]
                                                : (uint8_t)test_random(&rng));
        REQUIRE(term.row < ROWS && term.col <= COLS && term.top < ROWS);
    }
}

/* ---- history ---- */

static uint16_t more[2000 * 100];

static void put_lines(uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++) {
        char line[24];

        (void)snprintf(line, sizeof(line), "line %u\r\n", i);
        put(line);
    }
}

static const char *row_back(uint32_t back, uint32_t r)
{
    uint32_t n = 0;

    while (n < COLS && (uint8_t)term_row(&term, back, r)[n] != ' ') {
        row_text[n] = (char)term_row(&term, back, r)[n];
        n++;
    }
    for (; n >= 4 && n < 9; n++) /* the number behind "line" */
        row_text[n] = (char)term_row(&term, back, r)[n];
    row_text[n] = '\0';
    return row_text;
}

/* Without memory for it there is no history; with it what was on the screen
 * stays, moved to a larger one, and so many lines behind it as fit. */
TEST(term_moves_and_remembers)
{
    memset(more, 0xa5, sizeof(more));
    start();
    put_lines(100, 30);
    EXPECT_EQ(term.history, 0);
    EXPECT_STR(row_back(0, 0), "line 106 ");
    term_move(&term, more, 100, 40, 50);
    EXPECT_EQ(term.row, 24);
    EXPECT_STR(row_back(0, 0), "line 106 ");
    EXPECT_STR(row_back(0, 23), "line 129 ");
    EXPECT_EQ(term_row(&term, 0, 39)[99], TERM_BLANK);
    EXPECT_EQ(term_row(&term, 0, 0)[99], TERM_BLANK);
    put_lines(130, 20);
    EXPECT_EQ(term.history, 5); /* 44 lines and an empty one */
    EXPECT_STR(row_back(5, 0), "line 106 ");
    EXPECT_STR(row_back(5, 39), "line 145 ");
    put_lines(150, 200);
    EXPECT_EQ(term.history, 10);
    EXPECT_STR(row_back(0, 38), "line 349 ");
    EXPECT_STR(row_back(10, 0), "line 301 ");
    EXPECT_EQ(more[50 * 100], 0xa5a5); /* nothing behind its own memory */
}

TEST(term_utf8)
{
    start();
    put("\xc3\xa4\xc3\x9f\xe2\x96\x80\xe2\x96\x88.\xe2\x82\xac\xf0\x9f\x98\x80.");
    EXPECT_EQ((uint8_t)term_row(&term, 0, 0)[0], 0x84);
    EXPECT_EQ((uint8_t)term_row(&term, 0, 0)[1], 0xe1);
    EXPECT_EQ((uint8_t)term_row(&term, 0, 0)[2], 0xdf);
    EXPECT_EQ((uint8_t)term_row(&term, 0, 0)[3], 0xdb);
    EXPECT_STR(row(0) + 4, ".\?\?.");
}

/* Code page bytes, and sequences that break off, come out as they are. */
TEST(term_utf8_broken)
{
    start();
    put("\x84\xff|\xc3|\xe2\x96|\xe2\xc3\xa4|\xf1\x81\x82\n\rx");
    EXPECT_STR(row(0), "\x84\xff|\xc3|\xe2\x96|\xe2\x84|\xf1\x81\x82");
    EXPECT_STR(row(1), "x");
}
