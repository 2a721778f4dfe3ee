/* SPDX-License-Identifier: MIT */
/* What the VGA text screen and the framebuffer share: a terminal in RAM, and a
 * copy of what is on the glass.  Drawing is finding the cells that differ, so a
 * burst of output costs the slow video memory one screen and not one scroll per
 * line; and it can be done in portions.  Private to drivers/. */
#pragma once

#include "term.h"

struct screen {
    struct term term;
    uint16_t *shown;      /* rows * cols; the glass */
    uint32_t back;        /* lines that the view is scrolled back */
    uint32_t at, left;    /* next row to look at, and how many still are */
    /* Draws a cell, whose value has the cursor in it if there is no other. */
    void (*draw)(uint32_t row, uint32_t col, uint16_t cell);
    bool cursor_is_a_cell; /* by exchanged colours */
};

/* A screen of its first, fixed size: enough to say what is wrong before there is
 * an allocator. */
#define SCREEN_EARLY_COLS 80u
#define SCREEN_EARLY_ROWS 25u
#define SCREEN_HISTORY 1000u /* lines, once there is memory */

struct screen_early {
    uint16_t cells[SCREEN_EARLY_ROWS * SCREEN_EARLY_COLS];
    uint16_t shown[SCREEN_EARLY_ROWS * SCREEN_EARLY_COLS];
};

void screen_init(struct screen *s, struct screen_early *early, uint32_t cols,
                 uint32_t rows);

/* Goes over to the full size, with history, if there is such a screen (draw is set) and
 * memory for it. */
void screen_grow(struct screen *s, uint32_t cols, uint32_t rows,
                 void *(*alloc)(uint32_t bytes));

void screen_put(struct screen *s, uint8_t byte);

/* Draws at most budget cells, not 0, and looks at no more than 256 or one row. True
 * if some may be left. */
bool screen_draw(struct screen *s, uint32_t budget);

/* Scrolls the view pages back (forward if negative), 0: to the newest line. */
void screen_scroll(struct screen *s, int pages);

/* The glass is not what shown says: all of it is drawn again. */
void screen_forget(struct screen *s);
