/* SPDX-License-Identifier: MIT */
/* The VGA text screen.  Bytes go into a terminal in RAM; flush() copies what
 * has changed since the last time, so a burst of output costs the slow video
 * memory one screen and not one scroll per line. */
#include "hv/driver.h"

#include "arch/io.h"
#include "vga_term.h"

#define PORT_MISC_READ 0x3ccu
#define PORT_GC_INDEX 0x3ceu
#define PORT_GC_DATA 0x3cfu
#define PORT_CRTC_INDEX 0x3d4u
#define PORT_CRTC_DATA 0x3d5u
#define GC_MISC 6u
#define CRTC_CURSOR_START 0x0au
#define CRTC_CURSOR_END 0x0bu
#define CRTC_START_HIGH 0x0cu
#define CRTC_START_LOW 0x0du
#define CRTC_CURSOR_HIGH 0x0eu
#define CRTC_CURSOR_LOW 0x0fu

static struct vga_term term;
static uint16_t shown[VGA_ROWS][VGA_COLS];
static uint32_t shown_cursor;
static bool dirty;
static volatile uint16_t *screen = (volatile uint16_t *)(uintptr_t)VGA_TEXT_BASE;

static void crtc_write(uint8_t reg, uint8_t value)
{
    io_out8(PORT_CRTC_INDEX, reg);
    io_out8(PORT_CRTC_DATA, value);
}

static bool vga_tx_ready(void)
{
    return true;
}

static void vga_tx(uint8_t byte)
{
    vga_term_put(&term, byte);
    dirty = true;
}

static void show_row(uint32_t r)
{
    const uint16_t *cells = vga_term_row(&term, r);

    for (uint32_t c = 0; c < VGA_COLS; c++) {
        if (cells[c] != shown[r][c]) {
            shown[r][c] = cells[c];
            screen[r * VGA_COLS + c] = cells[c];
        }
    }
}

static void show_cursor(void)
{
    uint32_t col = hv_min_u32(term.col, VGA_COLS - 1);
    uint32_t at = term.row * VGA_COLS + col;

    if (at == shown_cursor)
        return;
    shown_cursor = at;
    crtc_write(CRTC_CURSOR_HIGH, (uint8_t)(at >> 8));
    crtc_write(CRTC_CURSOR_LOW, (uint8_t)at);
}

static void vga_flush(void)
{
    if (!dirty || screen == NULL)
        return;
    dirty = false;
    for (uint32_t r = 0; r < VGA_ROWS; r++)
        show_row(r);
    show_cursor();
}

/* A card in alphanumeric mode with its colour window at 0xb8000. Where there
 * is no VGA the ports read all ones; after UEFI it is in a graphics mode. */
static HV_INIT bool in_text_mode(void)
{
    uint8_t misc = io_in8(PORT_MISC_READ);
    uint8_t gc;

    if (misc == 0xff || (misc & 1) == 0)
        return false;
    io_out8(PORT_GC_INDEX, GC_MISC);
    gc = io_in8(PORT_GC_DATA);
    return gc != 0xff && (gc & 1) == 0 && ((gc >> 2) & 3) == 3;
}

static HV_INIT bool memory_answers(void)
{
    uint16_t old = screen[0];
    bool ok;

    screen[0] = 0x0755;
    ok = screen[0] == 0x0755;
    screen[0] = 0x07aa;
    ok = ok && screen[0] == 0x07aa;
    screen[0] = old;
    return ok;
}

static const struct console_ops vga_ops = {
    .name = "vga",
    .tx_ready = vga_tx_ready,
    .tx = vga_tx,
    .flush = vga_flush,
};

HV_INIT const struct console_ops *vga_text_init(void)
{
    if (!in_text_mode() || !memory_answers())
        return NULL;
    vga_term_init(&term);
    /* No cell is equal to this one, so that the first flush writes all. */
    for (uint32_t i = 0; i < VGA_ROWS * VGA_COLS; i++)
        shown[i / VGA_COLS][i % VGA_COLS] = 0xffff;
    shown_cursor = UINT32_MAX;
    crtc_write(CRTC_START_HIGH, 0);
    crtc_write(CRTC_START_LOW, 0);
    crtc_write(CRTC_CURSOR_START, 13);
    crtc_write(CRTC_CURSOR_END, 14);
    dirty = true;
    vga_flush();
    return &vga_ops;
}

void vga_text_set_memory(volatile uint16_t *cells)
{
    screen = cells;
}
