/* SPDX-License-Identifier: MIT */
/* The terminal behind the screens.  Knows what shells and kernels send (cursor
 * moves, erasing, colours, UTF-8); every other sequence is swallowed.  Whatever
 * comes in, row < rows, col <= cols and top < lines hold. */
#include "term.h"

#include "hv/assert.h"

#define ATTR_DEFAULT 0x07u
#define BLANK ' '

static void clear_cells(struct term *t, uint32_t r, uint32_t from,
                        uint32_t to)
{
    uint16_t *cells = term_row(t, 0, r);

    for (uint32_t c = from; c < to; c++)
        cells[c] = (uint16_t)((t->attr << 8) | BLANK);
}

HV_INIT void term_init(struct term *t, uint16_t *cells, uint32_t cols, uint32_t rows)
{
    *t = (struct term){.attr = ATTR_DEFAULT};
    term_move(t, cells, cols, rows, rows);
}

HV_INIT void term_move(struct term *t, uint16_t *cells, uint32_t cols, uint32_t rows,
                       uint32_t lines)
{
    struct term old = *t;

    hv_assert(cols > 0 && rows > 0 && cols >= old.cols && rows >= old.rows && lines >= rows);
    *t = (struct term){.cells = cells, .cols = cols, .rows = rows, .lines = lines,
                       .row = old.row, .col = old.col, .bold = old.bold,
                       .attr = ATTR_DEFAULT};
    for (uint32_t r = 0; r < rows; r++) {
        clear_cells(t, r, 0, cols);
        for (uint32_t c = 0; r < old.rows && c < old.cols; c++)
            term_row(t, 0, r)[c] = term_row(&old, 0, r)[c];
    }
    t->attr = old.attr;
}

static void line_feed(struct term *t)
{
    if (t->row + 1 < t->rows) {
        t->row++;
        return;
    }
    t->top = (t->top + 1) % t->lines;
    t->history = hv_min_u32(t->history + 1, t->lines - t->rows);
    clear_cells(t, t->rows - 1, 0, t->cols);
}

static void put_cell(struct term *t, uint8_t byte)
{
    uint8_t attr = t->bold ? (uint8_t)(t->attr | 8) : t->attr;

    if (t->col >= t->cols) {
        t->col = 0;
        line_feed(t);
    }
    term_row(t, 0, t->row)[t->col++] = (uint16_t)((attr << 8) | byte);
}

static void put_control(struct term *t, uint8_t byte)
{
    switch (byte) {
    case '\n':
        line_feed(t);
        break;
    case '\r':
        t->col = 0;
        break;
    case '\b':
        t->col = hv_min_u32(t->col, t->cols - 1);
        if (t->col > 0)
            t->col--;
        break;
    case '\t':
        t->col = hv_min_u32((t->col | 7) + 1, t->cols - 1);
        break;
    case 0x1b:
        t->parse = TERM_ESC;
        break;
    default:
        break;
    }
}

/* Select graphic rendition. ANSI counts red, green, blue from bit 0, VGA from
 * bit 2. */
static void set_rendition(struct term *t, uint32_t p)
{
    static const uint8_t vga_colour[8] = {0, 4, 2, 6, 1, 5, 3, 7};

    if (p == 0) {
        t->attr = ATTR_DEFAULT;
        t->bold = false;
    } else if (p == 1 || p == 22) {
        t->bold = p == 1;
    } else if (p == 7 || p == 27) {
        t->attr = p == 7 ? 0x70 : ATTR_DEFAULT;
    } else if (p >= 30 && p <= 37) {
        t->attr = (uint8_t)((t->attr & 0xf0) | vga_colour[p - 30]);
    } else if (p >= 90 && p <= 97) {
        t->attr = (uint8_t)((t->attr & 0xf0) | 8 | vga_colour[p - 90]);
    } else if (p == 39) {
        t->attr = (uint8_t)((t->attr & 0xf0) | (ATTR_DEFAULT & 0x0f));
    } else if (p >= 40 && p <= 47) {
        t->attr = (uint8_t)((t->attr & 0x0f) | (vga_colour[p - 40] << 4));
    } else if (p == 49) {
        t->attr = (uint8_t)(t->attr & 0x0f);
    }
}

static void erase_display(struct term *t, uint32_t how)
{
    uint32_t col = hv_min_u32(t->col, t->cols - 1);

    for (uint32_t r = 0; r < t->rows; r++) {
        if ((how == 0 && r > t->row) || (how == 1 && r < t->row) || how >= 2)
            clear_cells(t, r, 0, t->cols);
    }
    if (how == 0)
        clear_cells(t, t->row, col, t->cols);
    else if (how == 1)
        clear_cells(t, t->row, 0, col + 1);
}

static void erase_line(struct term *t, uint32_t how)
{
    uint32_t col = hv_min_u32(t->col, t->cols - 1);

    clear_cells(t, t->row, how == 0 ? col : 0, how == 1 ? col + 1 : t->cols);
}

/* Parameters are at most 999, so the sums cannot wrap. */
static void move_cursor(struct term *t, uint8_t final, uint32_t n)
{
    switch (final) {
    case 'A':
        t->row -= hv_min_u32(n, t->row);
        break;
    case 'B':
        t->row = hv_min_u32(t->row + n, t->rows - 1);
        break;
    case 'C':
        t->col = hv_min_u32(t->col + n, t->cols - 1);
        break;
    case 'D':
        t->col = hv_min_u32(t->col, t->cols - 1);
        t->col -= hv_min_u32(n, t->col);
        break;
    case 'G':
        t->col = hv_min_u32(n, t->cols) - 1;
        break;
    case 'd':
        t->row = hv_min_u32(n, t->rows) - 1;
        break;
    default:
        break;
    }
}

static void run_sequence(struct term *t, uint8_t final)
{
    uint32_t first = t->params[0];
    uint32_t n = hv_max_u32(first, 1);

    switch (final) {
    case 'H':
    case 'f':
        t->row = hv_min_u32(n, t->rows) - 1;
        t->col = hv_min_u32(hv_max_u32(t->params[1], 1), t->cols) - 1;
        break;
    case 'J':
        erase_display(t, first);
        break;
    case 'K':
        erase_line(t, first);
        break;
    case 'm':
        for (uint32_t i = 0; i <= t->nr_params; i++)
            set_rendition(t, t->params[i]);
        break;
    case 's':
        t->saved_row = t->row;
        t->saved_col = t->col;
        break;
    case 'u':
        t->row = t->saved_row;
        t->col = t->saved_col;
        break;
    default:
        move_cursor(t, final, n);
        break;
    }
}

/* nr_params counts the separators: params[nr_params] is being read. Surplus
 * parameters overwrite the last one. */
static void put_csi(struct term *t, uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        uint32_t *p = &t->params[t->nr_params];

        *p = hv_min_u32(*p * 10 + (uint32_t)(byte - '0'), 999);
    } else if (byte == ';') {
        t->nr_params = hv_min_u32(t->nr_params + 1,
                                  (uint32_t)HV_ARRAY_SIZE(t->params) - 1);
        t->params[t->nr_params] = 0;
    } else if (byte >= 0x40 && byte <= 0x7e) {
        run_sequence(t, byte);
        t->parse = TERM_GROUND;
    } else if (byte < 0x20) {
        put_control(t, byte);
    }
}

/* ---- UTF-8 ---- */

/* What began like a sequence and is none: shown byte by byte, as a program that
 * speaks the code page means it. */
static void put_broken(struct term *t)
{
    uint32_t n = t->nr_utf8;

    t->nr_utf8 = 0;
    t->utf8_left = 0;
    for (uint32_t i = 0; i < n; i++)
        put_cell(t, t->utf8_bytes[i]);
}

/* A byte from 0x80 on. */
static void put_high(struct term *t, uint8_t byte)
{
    if (t->utf8_left > 0 && (byte & 0xc0) == 0x80) {
        t->utf8_code = t->utf8_code << 6 | (byte & 0x3f);
        if (--t->utf8_left == 0) {
            t->nr_utf8 = 0;
            put_cell(t, cp437_of(t->utf8_code));
        } else {
            t->utf8_bytes[t->nr_utf8++] = byte;
        }
        return;
    }
    put_broken(t);
    if (byte < 0xc2 || byte > 0xf4) {
        put_cell(t, byte);
        return;
    }
    t->utf8_left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    t->utf8_code = byte & (0x3fu >> t->utf8_left);
    t->utf8_bytes[0] = byte;
    t->nr_utf8 = 1;
}

static void put_ground(struct term *t, uint8_t byte)
{
    if (byte >= 0x80) {
        put_high(t, byte);
        return;
    }
    put_broken(t);
    if (byte >= 0x20 && byte != 0x7f)
        put_cell(t, byte);
    else
        put_control(t, byte);
}

void term_put(struct term *t, uint8_t byte)
{
    switch (t->parse) {
    case TERM_GROUND:
        put_ground(t, byte);
        break;
    case TERM_ESC:
        t->parse = byte == '[' ? TERM_CSI : TERM_GROUND;
        t->nr_params = 0;
        for (uint32_t i = 0; i < HV_ARRAY_SIZE(t->params); i++)
            t->params[i] = 0;
        break;
    case TERM_CSI:
        put_csi(t, byte);
        break;
    }
}
