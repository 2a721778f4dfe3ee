/* SPDX-License-Identifier: MIT */
/* The terminal behind the VGA text console.  Knows what shells and kernels
 * send (cursor moves, erasing, colours); every other sequence is swallowed.
 * Whatever comes in, row < VGA_ROWS and col <= VGA_COLS hold. */
#include "vga_term.h"

#define ATTR_DEFAULT 0x07u
#define BLANK ' '

static uint16_t *row_cells(struct vga_term *t, uint32_t r)
{
    return t->cells[(t->top + r) % VGA_ROWS];
}

static void clear_cells(struct vga_term *t, uint32_t r, uint32_t from,
                        uint32_t to)
{
    uint16_t *cells = row_cells(t, r);

    for (uint32_t c = from; c < to; c++)
        cells[c] = (uint16_t)((t->attr << 8) | BLANK);
}

HV_INIT void vga_term_init(struct vga_term *t)
{
    *t = (struct vga_term){.attr = ATTR_DEFAULT};
    for (uint32_t r = 0; r < VGA_ROWS; r++)
        clear_cells(t, r, 0, VGA_COLS);
}

static void line_feed(struct vga_term *t)
{
    if (t->row + 1 < VGA_ROWS) {
        t->row++;
        return;
    }
    t->top = (t->top + 1) % VGA_ROWS;
    clear_cells(t, VGA_ROWS - 1, 0, VGA_COLS);
}

static void put_cell(struct vga_term *t, uint8_t byte)
{
    uint8_t attr = t->bold ? (uint8_t)(t->attr | 8) : t->attr;

    if (t->col >= VGA_COLS) {
        t->col = 0;
        line_feed(t);
    }
    row_cells(t, t->row)[t->col++] = (uint16_t)((attr << 8) | byte);
}

static void put_control(struct vga_term *t, uint8_t byte)
{
    switch (byte) {
    case '\n':
        line_feed(t);
        break;
    case '\r':
        t->col = 0;
        break;
    case '\b':
        t->col = hv_min_u32(t->col, VGA_COLS - 1);
        if (t->col > 0)
            t->col--;
        break;
    case '\t':
        t->col = hv_min_u32((t->col | 7) + 1, VGA_COLS - 1);
        break;
    case 0x1b:
        t->parse = VGA_ESC;
        break;
    default:
        break;
    }
}

/* Select graphic rendition. ANSI counts red, green, blue from bit 0, VGA from
 * bit 2. */
static void set_rendition(struct vga_term *t, uint32_t p)
{
    static const uint8_t vga_colour[8] = {0, 4, 2, 6, 1, 5, 3, 7};

    if (p == 0) {
        t->attr = ATTR_DEFAULT;
        t->bold = false;
    } else if (p == 1) {
        t->bold = true;
    } else if (p == 22) {
        t->bold = false;
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

static void erase_display(struct vga_term *t, uint32_t how)
{
    uint32_t col = hv_min_u32(t->col, VGA_COLS - 1);

    for (uint32_t r = 0; r < VGA_ROWS; r++) {
        if ((how == 0 && r > t->row) || (how == 1 && r < t->row) || how >= 2)
            clear_cells(t, r, 0, VGA_COLS);
    }
    if (how == 0)
        clear_cells(t, t->row, col, VGA_COLS);
    else if (how == 1)
        clear_cells(t, t->row, 0, col + 1);
}

static void erase_line(struct vga_term *t, uint32_t how)
{
    uint32_t col = hv_min_u32(t->col, VGA_COLS - 1);

    clear_cells(t, t->row, how == 0 ? col : 0, how == 1 ? col + 1 : VGA_COLS);
}

/* Parameters are at most 999, so the sums cannot wrap. */
static void move_cursor(struct vga_term *t, uint8_t final, uint32_t n)
{
    switch (final) {
    case 'A':
        t->row -= hv_min_u32(n, t->row);
        break;
    case 'B':
        t->row = hv_min_u32(t->row + n, VGA_ROWS - 1);
        break;
    case 'C':
        t->col = hv_min_u32(t->col + n, VGA_COLS - 1);
        break;
    case 'D':
        t->col = hv_min_u32(t->col, VGA_COLS - 1);
        t->col -= hv_min_u32(n, t->col);
        break;
    case 'G':
        t->col = hv_min_u32(n, VGA_COLS) - 1;
        break;
    case 'd':
        t->row = hv_min_u32(n, VGA_ROWS) - 1;
        break;
    default:
        break;
    }
}

static void run_sequence(struct vga_term *t, uint8_t final)
{
    uint32_t first = t->params[0];
    uint32_t n = hv_max_u32(first, 1);

    switch (final) {
    case 'H':
    case 'f':
        t->row = hv_min_u32(n, VGA_ROWS) - 1;
        t->col = hv_min_u32(hv_max_u32(t->params[1], 1), VGA_COLS) - 1;
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
static void put_csi(struct vga_term *t, uint8_t byte)
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
        t->parse = VGA_GROUND;
    } else if (byte < 0x20) {
        put_control(t, byte);
    }
}

void vga_term_put(struct vga_term *t, uint8_t byte)
{
    switch (t->parse) {
    case VGA_GROUND:
        if (byte >= 0x20 && byte != 0x7f)
            put_cell(t, byte);
        else
            put_control(t, byte);
        break;
    case VGA_ESC:
        t->parse = byte == '[' ? VGA_CSI : VGA_GROUND;
        t->nr_params = 0;
        for (uint32_t i = 0; i < HV_ARRAY_SIZE(t->params); i++)
            t->params[i] = 0;
        break;
    case VGA_CSI:
        put_csi(t, byte);
        break;
    }
}
