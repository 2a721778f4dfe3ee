/* SPDX-License-Identifier: MIT */
/* The font of the framebuffer: 8 by 16 pixels, in the order of code page 437.  The
 * glyphs are GNU Unifont's as Debian's grub-common has them, taken by
 * tools/gen-font; their licence is the SIL Open Font License 1.1. */
#include "fb_draw.h"

extern const uint8_t font_glyphs[256][GLYPH_ROWS];

const uint8_t font_glyphs[256][GLYPH_ROWS] = {
#include "font_glyphs.h"
};
