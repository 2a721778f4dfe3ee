/* SPDX-License-Identifier: MIT */
/* A small terminal: bytes with the common ANSI sequences in, an 80 x 25 array
 * of VGA cells out.  Pure, so that it has a host test; private to drivers/. */
#pragma once

#include "hv/types.h"

#define VGA_COLS 80u
#define VGA_ROWS 25u

enum vga_parse { VGA_GROUND, VGA_ESC, VGA_CSI };

struct vga_term {
    /* Row r of the screen is cells[(top + r) % VGA_ROWS]: scrolling moves top
     * instead of 4000 bytes. */
    uint16_t cells[VGA_ROWS][VGA_COLS];
    uint32_t top, row, col; /* col may be VGA_COLS: the next character wraps */
    uint32_t saved_row, saved_col;
    enum vga_parse parse;
    uint32_t params[4], nr_params;
    uint8_t attr;
    bool bold;
};

void vga_term_init(struct vga_term *t);
void vga_term_put(struct vga_term *t, uint8_t byte);

static inline const uint16_t *vga_term_row(const struct vga_term *t, uint32_t r)
{
    return t->cells[(t->top + r) % VGA_ROWS];
}
