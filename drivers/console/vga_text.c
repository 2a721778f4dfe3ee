/* SPDX-License-Identifier: MIT */
/* The VGA text screen: 80 by 25 cells in video memory, and a cursor that the card
 * draws.  What is to be seen is screen.c's business. */
#include "hv/driver.h"

#include "arch/io.h"
#include "screen.h"

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

#define VGA_COLS 80u
#define VGA_ROWS 25u
#define PORTION 200u /* cells drawn with interrupts off */

static struct screen screen;
static struct screen_early early;
static uint32_t shown_cursor;
static volatile uint16_t *memory = (volatile uint16_t *)(uintptr_t)VGA_TEXT_BASE;

static void crtc_write(uint8_t reg, uint8_t value)
{
    io_out8(PORT_CRTC_INDEX, reg);
    io_out8(PORT_CRTC_DATA, value);
}

static void vga_tx(uint8_t byte)
{
    screen_put(&screen, byte);
}

static void draw_cell(uint32_t row, uint32_t col, uint16_t cell)
{
    memory[row * VGA_COLS + col] = cell;
}

/* Behind the end of the memory that is shown while the view is scrolled back. */
static void show_cursor(void)
{
    uint32_t col = hv_min_u32(screen.term.col, VGA_COLS - 1);
    uint32_t at = screen.back != 0 ? VGA_ROWS * VGA_COLS
                                   : screen.term.row * VGA_COLS + col;

    if (at == shown_cursor)
        return;
    shown_cursor = at;
    crtc_write(CRTC_CURSOR_HIGH, (uint8_t)(at >> 8));
    crtc_write(CRTC_CURSOR_LOW, (uint8_t)at);
}

static bool vga_flush(void)
{
    if (memory == NULL || screen.left == 0)
        return false;
    if (screen_draw(&screen, PORTION))
        return true;
    show_cursor();
    return false;
}

static void vga_scroll(int pages)
{
    screen_scroll(&screen, pages);
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
    uint16_t old = memory[0];
    bool ok;

    memory[0] = 0x0755;
    ok = memory[0] == 0x0755;
    memory[0] = 0x07aa;
    ok = ok && memory[0] == 0x07aa;
    memory[0] = old;
    return ok;
}

static const struct console_ops vga_ops = {
    .name = "vga",
    .tx = vga_tx,
    .flush = vga_flush,
    .scroll = vga_scroll,
};

HV_INIT const struct console_ops *vga_text_init(void)
{
    if (!in_text_mode() || !memory_answers())
        return NULL;
    screen.draw = draw_cell;
    screen_init(&screen, &early, VGA_COLS, VGA_ROWS);
    shown_cursor = UINT32_MAX;
    crtc_write(CRTC_START_HIGH, 0);
    crtc_write(CRTC_START_LOW, 0);
    crtc_write(CRTC_CURSOR_START, 13);
    crtc_write(CRTC_CURSOR_END, 14);
    while (vga_flush())
        ;
    return &vga_ops;
}

void vga_text_set_memory(volatile uint16_t *cells)
{
    memory = cells;
}

HV_INIT void vga_text_grow(void *(*alloc)(uint32_t bytes))
{
    screen_grow(&screen, VGA_COLS, VGA_ROWS, alloc);
}
