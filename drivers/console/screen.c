/* SPDX-License-Identifier: MIT */
/* From the terminal to the glass.  Rows are looked at in turn until all have been
 * since the last change, and the cells that differ are drawn, at most so many at a
 * time: whoever draws has interrupts off. */
#include "screen.h"

#include "hv/assert.h"


/* Cells that are looked at in one portion, or one row if that has more. */
#define LOOKS 256u

/* Cells are characters with attributes; no such cell has this value. */
#define UNKNOWN 0xffffu

static void all_changed(struct screen *s)
{
    s->left = s->term.rows;
}

void screen_forget(struct screen *s)
{
    for (uint32_t i = 0; i < s->term.rows * s->term.cols; i++)
        s->shown[i] = UNKNOWN;
    all_changed(s);
}

HV_INIT void screen_init(struct screen *s, struct screen_early *early, uint32_t cols,
                         uint32_t rows)
{
    hv_assert(s->draw != NULL);
    term_init(&s->term, early->cells, hv_min_u32(cols, SCREEN_EARLY_COLS),
              hv_min_u32(rows, SCREEN_EARLY_ROWS));
    s->shown = early->shown;
    s->back = s->at = 0;
    screen_forget(s);
}

HV_INIT void screen_grow(struct screen *s, uint32_t cols, uint32_t rows,
                         void *(*alloc)(uint32_t bytes))
{
    uint32_t cells = (2 * rows + SCREEN_HISTORY) * cols;
    uint16_t *memory = s->draw != NULL ? alloc(cells * (uint32_t)sizeof(*memory)) : NULL;

    if (memory == NULL)
        return;
    s->shown = memory;
    term_move(&s->term, memory + rows * cols, cols, rows, rows + SCREEN_HISTORY);
    screen_forget(s);
}

void screen_put(struct screen *s, uint8_t byte)
{
    uint32_t top = s->term.top;

    if (s->left == 0)
        s->at = s->term.row; /* most likely what has changed */
    term_put(&s->term, byte);
    /* Who reads back keeps what he reads until it is gone. */
    if (s->back > 0 && s->term.top != top)
        s->back = hv_min_u32(s->back + 1, s->term.history);
    all_changed(s);
}

/* Foreground and background exchanged. */
static uint16_t reversed(uint16_t cell)
{
    return (uint16_t)((cell & 0xff) | (cell & 0x0f00) << 4 | (cell & 0xf000) >> 4);
}

/* Column of the cursor in row r of the view, or none. */
static uint32_t cursor_col(const struct screen *s, uint32_t r)
{
    if (!s->cursor_is_a_cell || s->back != 0 || r != s->term.row)
        return UINT32_MAX;
    return hv_min_u32(s->term.col, s->term.cols - 1);
}

/* Draws what differs in row r; returns how many cells, of at most max. */
static uint32_t draw_row(struct screen *s, uint32_t r, uint32_t max)
{
    const uint16_t *cells = term_row(&s->term, s->back, r);
    uint16_t *shown = s->shown + r * s->term.cols;
    uint32_t cursor = cursor_col(s, r), drawn = 0;

    for (uint32_t c = 0; c < s->term.cols; c++) {
        uint16_t cell = c == cursor ? reversed(cells[c]) : cells[c];

        if (hv_likely(cell == shown[c]))
            continue;
        if (drawn == max)
            break;
        drawn++;
        shown[c] = cell;
        s->draw(r, c, cell);
    }
    return drawn;
}

bool screen_draw(struct screen *s, uint32_t budget)
{
    uint32_t looks = hv_max_u32(LOOKS, s->term.cols);

    while (s->left > 0 && looks >= s->term.cols) {
        uint32_t drawn = draw_row(s, s->at, budget);

        looks -= s->term.cols;
        budget -= drawn;
        if (budget == 0)
            break; /* the same row again: there may be more in it */
        s->at = (s->at + 1) % s->term.rows;
        s->left--;
    }
    return s->left > 0;
}

void screen_scroll(struct screen *s, int pages)
{
    uint32_t page = s->term.rows - 1, was = s->back;

    if (pages > 0)
        s->back = hv_min_u32(s->back + page, s->term.history);
    else if (pages < 0)
        s->back -= hv_min_u32(s->back, page);
    else
        s->back = 0;
    if (s->back != was)
        all_changed(s);
}
