/* SPDX-License-Identifier: MIT */
/* The linear framebuffer that the loader left, as a text screen.  The pixels are
 * only ever written; what is on them is known from screen.c's copy. */
#include "hv/driver.h"

#include "fb_draw.h"
#include "hv/frame.h"
#include "hv/string.h"
#include "screen.h"

/* Smaller ones could not hold a line of the log, larger ones are not filled. */
#define MIN_COLS 40u
#define MIN_ROWS 10u
#define MAX_COLS 240u
#define MAX_ROWS 135u

#define MAX_BYTES HV_MIB(256)

/* Cells drawn with interrupts off. One of 32-bit pixels takes about 1000
 * instructions, of another size 1500, of double ones 5000. */
static uint32_t portion(const struct fb_format *f)
{
    return f->scale > 1 ? 1 : f->pixel_bytes == 4 ? 12 : 3;
}

/* Code page 437, made by tools/gen-font. */
extern const uint8_t font_glyphs[256][GLYPH_ROWS];

static struct screen screen;
static struct screen_early early;
static struct fb_format format;
static uint8_t *pixels; /* NULL: not mapped, what is written appears later */
static uint32_t cols, rows, bytes;

static void fb_tx(uint8_t byte)
{
    screen_put(&screen, byte);
}

static void draw_cell(uint32_t row, uint32_t col, uint16_t cell)
{
    fb_draw_cell(&format, pixels, row, col, cell, font_glyphs[cell & 0xff]);
}

static bool fb_flush(void)
{
    return pixels != NULL && screen_draw(&screen, portion(&format));
}

static void fb_scroll(int pages)
{
    screen_scroll(&screen, pages);
}

static const struct console_ops fb_ops = {
    .name = "fb",
    .tx = fb_tx,
    .flush = fb_flush,
    .scroll = fb_scroll,
};

HV_INIT const struct console_ops *framebuffer_init(void)
{
    const struct boot_framebuffer *fb = &boot_info.fb;

    if (!fb_format_of(fb, &format)
        || (uint64_t)fb->pitch_bytes * fb->height > MAX_BYTES)
        return NULL;
    cols = hv_min_u32(fb->width / (GLYPH_COLS * format.scale), MAX_COLS);
    rows = hv_min_u32(fb->height / (GLYPH_ROWS * format.scale), MAX_ROWS);
    if (cols < MIN_COLS || rows < MIN_ROWS)
        return NULL;
    bytes = fb->pitch_bytes * fb->height;
    /* One above 4 GiB has to wait for page tables. */
    if (fb->base + bytes <= 0x100000000ull) {
        pixels = (uint8_t *)(uintptr_t)fb->base;
        memset(pixels, 0, bytes);
    }
    screen.draw = draw_cell;
    screen.cursor_is_a_cell = true;
    screen_init(&screen, &early, cols, rows);
    return &fb_ops;
}

HV_INIT uint32_t framebuffer_bytes(void)
{
    return bytes;
}

HV_INIT void framebuffer_set_memory(void *at)
{
    pixels = at;
}

HV_INIT void framebuffer_grow(void *(*alloc)(uint32_t bytes))
{
    screen_grow(&screen, cols, rows, alloc);
}
