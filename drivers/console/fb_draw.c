/* SPDX-License-Identifier: MIT */
/* Drawing characters.  A row of a glyph is eight pixels, each foreground or
 * background; pixels of 32 bits have a loop of their own, because that is where
 * the time goes. */
#include "fb_draw.h"

/* VGA's sixteen colours: blue, green, red in bits 0 to 2, 3 is bright. */
static uint32_t channel(uint32_t attr, uint32_t bit, uint32_t bits)
{
    uint32_t level = (attr >> bit & 1 ? 0xaau : 0) + (attr & 8 ? 0x55u : 0);

    return bits >= 8 ? level << (bits - 8) : level >> (8 - bits);
}

static HV_INIT uint32_t pixel_of(const struct boot_framebuffer *fb, uint32_t attr)
{
    uint32_t green = channel(attr, 1, fb->green_bits);

    if (attr == 6) /* brown, as on every VGA: half of the green */
        green = channel(2, 1, fb->green_bits) / 2;
    return channel(attr, 2, fb->red_bits) << fb->red_pos | green << fb->green_pos
        | channel(attr, 0, fb->blue_bits) << fb->blue_pos;
}

HV_INIT bool fb_format_of(const struct boot_framebuffer *fb, struct fb_format *out)
{
    uint32_t bytes = (fb->bpp + 7u) / 8;

    if (fb->base == 0 || bytes < 2 || bytes > 4 || fb->red_bits == 0
        || fb->red_bits > 10 || fb->green_bits == 0 || fb->green_bits > 10
        || fb->blue_bits == 0 || fb->blue_bits > 10 || fb->red_pos > 31
        || fb->green_pos > 31 || fb->blue_pos > 31)
        return false;
    *out = (struct fb_format){.pitch_bytes = fb->pitch_bytes, .pixel_bytes = bytes,
                              .scale = fb->width >= 2560 ? 2 : 1};
    for (uint32_t i = 0; i < 16; i++)
        out->colour[i] = pixel_of(fb, i);
    return true;
}

/* The usual format: its own loop, since whoever draws has interrupts off. */
static void put_row32(uint32_t *p, uint32_t bits, const uint32_t colour[2])
{
    for (uint32_t i = 0; i < GLYPH_COLS; i++, bits <<= 1)
        p[i] = colour[bits >> 7 & 1];
}

HV_INLINE uint8_t *put_pixel(uint8_t *p, uint32_t bytes, uint32_t pixel)
{
    if (bytes == 4) {
        *(uint32_t *)(void *)p = pixel;
    } else if (bytes == 2) {
        *(uint16_t *)(void *)p = (uint16_t)pixel;
    } else {
        p[0] = (uint8_t)pixel;
        p[1] = (uint8_t)(pixel >> 8);
        p[2] = (uint8_t)(pixel >> 16);
    }
    return p + bytes;
}

/* Any size and scale. */
static void put_row(const struct fb_format *f, uint8_t *p, uint32_t bits,
                    const uint32_t colour[2])
{
    for (uint32_t mask = 0x80; mask != 0; mask >>= 1) {
        uint32_t pixel = colour[(bits & mask) != 0];

        for (uint32_t i = 0; i < f->scale; i++)
            p = put_pixel(p, f->pixel_bytes, pixel);
    }
}

void fb_draw_cell(const struct fb_format *f, uint8_t *pixels, uint32_t row,
                  uint32_t col, uint16_t cell, const uint8_t glyph[GLYPH_ROWS])
{
    const uint32_t colour[2] = {f->colour[cell >> 12], f->colour[cell >> 8 & 15]};
    uint8_t *p = pixels + row * GLYPH_ROWS * f->scale * f->pitch_bytes
        + col * GLYPH_COLS * f->scale * f->pixel_bytes;

    for (uint32_t y = 0; y < GLYPH_ROWS * f->scale; y++, p += f->pitch_bytes) {
        if (f->scale == 1 && f->pixel_bytes == 4)
            put_row32((uint32_t *)(void *)p, glyph[y], colour);
        else
            put_row(f, p, glyph[y / f->scale], colour);
    }
}
