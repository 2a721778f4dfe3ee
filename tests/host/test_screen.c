/* SPDX-License-Identifier: MIT */
/* From terminal to glass: only what differs is drawn, in portions, and always
 * ends equal; and characters as pixels of every format. */
#include "test.h"

#include "../../drivers/console/fb_draw.h"
#include "../../drivers/console/screen.h"

#define COLS 60u
#define ROWS 20u

static struct screen s;
static struct screen_early early;
static uint16_t glass[ROWS][COLS];
static uint32_t draws;

static void draw(uint32_t row, uint32_t col, uint16_t cell)
{
    REQUIRE(row < ROWS && col < COLS);
    glass[row][col] = cell;
    draws++;
}

static void start(bool cursor)
{
    s = (struct screen){.draw = draw, .cursor_is_a_cell = cursor};
    screen_init(&s, &early, COLS, ROWS);
    while (screen_draw(&s, 100))
        ;
    draws = 0;
}

static void put(const char *text)
{
    while (*text != '\0')
        screen_put(&s, (uint8_t)*text++);
}

static const char *row(uint32_t r)
{
    static char text[COLS + 1];
    uint32_t n = COLS;

    for (uint32_t c = 0; c < COLS; c++)
        text[c] = (char)glass[r][c];
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
    return text;
}

static void draw_all(void)
{
    while (screen_draw(&s, 16))
        ;
}

TEST(screen_draws_all_of_a_new_glass)
{
    memset(glass, 0, sizeof(glass));
    start(false);
    for (uint32_t i = 0; i < ROWS * COLS; i++)
        EXPECT_EQ(glass[i / COLS][i % COLS], TERM_BLANK);
}

TEST(screen_draws_what_differs)
{
    start(false);
    put("hello");
    draw_all();
    EXPECT_EQ(draws, 5);
    EXPECT_STR(row(0), "hello");
    put("\rhallo");
    draw_all();
    EXPECT_EQ(draws, 6);
    EXPECT(!screen_draw(&s, 100)); /* nothing is left */
    EXPECT_EQ(draws, 6);
}

/* The budget is kept, and what is behind it comes the next times. */
TEST(screen_portions)
{
    uint32_t portions = 0;

    start(true);
    for (uint32_t i = 0; i < 1200; i++)
        put("x");
    do {
        uint32_t before = draws;

        portions++;
        (void)screen_draw(&s, 24);
        EXPECT(draws - before <= 24);
    } while (s.left > 0 && portions < 1000);
    EXPECT_EQ(draws, 1200);
    EXPECT(portions >= 50 && portions < 60);
    EXPECT_EQ(glass[ROWS - 1][COLS - 1], 0x7000 | 'x'); /* the cursor */
}

TEST(screen_cursor_as_a_cell)
{
    start(true);
    put("ab\b");
    draw_all();
    EXPECT_EQ(glass[0][0], 0x0700 | 'a');
    EXPECT_EQ(glass[0][1], 0x7000 | 'b');
    put("\033[31m.");
    draw_all();
    EXPECT_EQ(glass[0][1], 0x0400 | '.');
    EXPECT_EQ(glass[0][2], 0x7020);
}

/* Random output and random portions: in the end the glass is the terminal. */
TEST(screen_is_the_terminal_in_the_end)
{
    static const char likely[] = "abc \n\r\b\033[[;12345HJKABCDm\t";
    struct test_rng rng = {815};

    start(false);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t n = test_random_below(&rng, sizeof(likely) - 1);

        screen_put(&s, (uint8_t)likely[n]);
        if (n == 0)
            (void)screen_draw(&s, 5 + test_random_below(&rng, 40));
    }
    draw_all();
    for (uint32_t r = 0; r < ROWS; r++)
        EXPECT(memcmp(glass[r], term_row(&s.term, 0, r), sizeof(glass[r])) == 0);
}

static void put_lines(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char line[24];

        (void)snprintf(line, sizeof(line), "\r\nline %u", i);
        put(line);
    }
}

static void *memory;

static void *get_memory(uint32_t bytes)
{
    return memory = malloc(bytes);
}

/* Pages overlap by a line; the oldest line is the end; what comes meanwhile does
 * not move the view until it runs over it. */
TEST(screen_scrolls_back)
{
    start(true);
    screen_grow(&s, COLS, ROWS, get_memory);
    put_lines(100);
    draw_all();
    EXPECT_STR(row(ROWS - 1), "line 99");
    screen_scroll(&s, 1);
    draw_all();
    EXPECT_STR(row(ROWS - 1), "line 80");
    for (uint32_t c = 0; c < COLS; c++)
        EXPECT((glass[ROWS - 1][c] >> 8) == 7); /* no cursor */
    put("\r\nmore\r\nmore");
    draw_all();
    EXPECT_STR(row(ROWS - 1), "line 80");
    for (uint32_t i = 0; i < 20; i++)
        screen_scroll(&s, 1);
    draw_all();
    EXPECT_STR(row(0), "");
    EXPECT_STR(row(1), "line 0");
    screen_scroll(&s, -1);
    draw_all();
    EXPECT_STR(row(0), "line 18");
    screen_scroll(&s, 0);
    draw_all();
    EXPECT_STR(row(ROWS - 1), "more");
    screen_scroll(&s, 1);
    put_lines(5000);
    EXPECT_EQ(s.back, SCREEN_HISTORY);
    draw_all();
    free(memory);
}

/* ---- pixels ---- */

static const struct boot_framebuffer modes[] = {
    {.base = 1, .pitch_bytes = 40 * 4, .width = 32, .height = 40, .bpp = 32,
     .red_pos = 16, .red_bits = 8, .green_pos = 8, .green_bits = 8, .blue_bits = 8},
    {.base = 1, .pitch_bytes = 101, .width = 32, .height = 40, .bpp = 24,
     .red_bits = 8, .green_pos = 8, .green_bits = 8, .blue_pos = 16, .blue_bits = 8},
    {.base = 1, .pitch_bytes = 64, .width = 32, .height = 40, .bpp = 16,
     .red_pos = 11, .red_bits = 5, .green_pos = 5, .green_bits = 6, .blue_bits = 5},
    {.base = 1, .pitch_bytes = 80, .width = 32, .height = 40, .bpp = 15,
     .red_pos = 10, .red_bits = 5, .green_pos = 5, .green_bits = 5, .blue_bits = 5},
};

static const uint8_t glyph[GLYPH_ROWS] = {0x80, 0x01, 0xaa, 0x55, 0xff, 0, 0x3c, 0x0f,
                                          0, 0, 0, 0, 0, 0, 0, 0x81};

/* A cell in the middle, pixel by pixel; all around it stays what it was. */
static void check_mode(const struct boot_framebuffer *fb, uint32_t scale)
{
    uint32_t bytes = fb->pitch_bytes * fb->height;
    uint8_t *pixels = malloc(bytes);
    struct fb_format f;

    REQUIRE(fb_format_of(fb, &f));
    f.scale = scale;
    memset(pixels, 0x33, bytes);
    fb_draw_cell(&f, pixels, scale == 1 ? 1 : 0, scale == 1 ? 2 : 1, 0x1f41, glyph);
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t y = i / fb->pitch_bytes, x = i % fb->pitch_bytes / f.pixel_bytes;
        uint32_t byte = i % fb->pitch_bytes % f.pixel_bytes;
        uint32_t top = 16 * (scale == 1), left = scale == 1 ? 16 : 16;
        uint32_t gx = (x - left) / scale, gy = (y - top) / scale;

        if (x < left || y < top || gx >= 8 || gy >= 16)
            EXPECT_EQ(pixels[i], 0x33);
        else
            EXPECT_EQ(pixels[i], f.colour[glyph[gy] >> (7 - gx) & 1 ? 15 : 1]
                      >> (8 * byte) & 0xff);
    }
    free(pixels);
}

TEST(fb_pixels_of_every_format)
{
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(modes); i++) {
        check_mode(&modes[i], 1);
        check_mode(&modes[i], 2);
    }
}

/* Black, white, grey and brown as everywhere (IBM's colour display). */
TEST(fb_colours)
{
    struct fb_format f;

    REQUIRE(fb_format_of(&modes[0], &f));
    EXPECT_EQ(f.colour[0], 0);
    EXPECT_EQ(f.colour[15], 0xffffff);
    EXPECT_EQ(f.colour[7], 0xaaaaaa);
    EXPECT_EQ(f.colour[4], 0xaa0000);
    EXPECT_EQ(f.colour[9], 0x5555ff);
    EXPECT_EQ(f.colour[6], 0xaa5500);
    REQUIRE(fb_format_of(&modes[2], &f));
    EXPECT_EQ(f.colour[15], 0xffff);
    EXPECT_EQ(f.colour[4], 21 << 11);
    REQUIRE(fb_format_of(&modes[1], &f));
    EXPECT_EQ(f.colour[4], 0xaa);
}

TEST(fb_formats_that_are_not_drawn)
{
    struct boot_framebuffer fb = modes[0];
    struct fb_format f;

    fb.base = 0;
    EXPECT(!fb_format_of(&fb, &f));
    fb = modes[0];
    fb.bpp = 8;
    EXPECT(!fb_format_of(&fb, &f));
    fb = modes[0];
    fb.red_bits = 0;
    EXPECT(!fb_format_of(&fb, &f));
    fb = modes[0];
    fb.blue_bits = 11;
    EXPECT(!fb_format_of(&fb, &f));
    fb = modes[0];
    fb.green_pos = 32;
    EXPECT(!fb_format_of(&fb, &f));
}
