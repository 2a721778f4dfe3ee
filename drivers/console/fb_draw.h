/* SPDX-License-Identifier: MIT */
/* Characters as pixels.  Format, glyph and memory in, no hardware, so that it has a
 * host test; private to drivers/. */
#pragma once

#include "hv/boot_info.h"

#define GLYPH_COLS 8u
#define GLYPH_ROWS 16u

struct fb_format {
    uint32_t pitch_bytes;
    uint32_t pixel_bytes; /* 2, 3 or 4 */
    uint32_t scale;       /* pixels of the screen a side of one of the glyph's */
    uint32_t colour[16];  /* VGA's attributes as pixels */
};

/* False if this framebuffer has pixels that cannot be drawn. */
bool fb_format_of(const struct boot_framebuffer *fb, struct fb_format *out) HV_MUST_CHECK;

/* Draws the cell in the given row and column of text; glyph has a byte a row. */
void fb_draw_cell(const struct fb_format *f, uint8_t *pixels, uint32_t row,
                  uint32_t col, uint16_t cell, const uint8_t glyph[GLYPH_ROWS]);
