/* SPDX-License-Identifier: MIT */
/* A small terminal: bytes with the common ANSI sequences in, an array of cells
 * out, as VGA text has them (attribute, character of code page 437).  What has
 * scrolled off stays readable as far as there is memory for it.  Pure, so that it
 * has a host test; private to drivers/. */
#pragma once

#include "hv/types.h"

enum term_parse { TERM_GROUND, TERM_ESC, TERM_CSI };

struct term {
    uint16_t *cells;     /* lines * cols */
    uint32_t cols, rows; /* of the screen */
    uint32_t lines;      /* at least rows; the rest is history */
    uint32_t top;        /* the line that is row 0: scrolling moves it */
    uint32_t history;    /* lines above it that hold text */
    uint32_t row, col;   /* col may be cols: the next character wraps */
    uint32_t saved_row, saved_col;
    enum term_parse parse;
    uint32_t params[4], nr_params;
    uint32_t utf8_code, utf8_left; /* of a sequence that is not complete */
    uint8_t utf8_bytes[3], nr_utf8; /* as they came */
    uint8_t attr;
    bool bold;
};

#define TERM_BLANK 0x0720u /* a space, grey on black */

/* cells holds rows * cols. */
void term_init(struct term *t, uint16_t *cells, uint32_t cols, uint32_t rows);

/* Goes on with more memory: a screen that is not smaller, and history. What is on
 * the screen stays; the memory need not be cleared. */
void term_move(struct term *t, uint16_t *cells, uint32_t cols, uint32_t rows,
               uint32_t lines);

void term_put(struct term *t, uint8_t byte);

/* Row r of the screen as it was back lines ago; back <= t->history. */
static inline uint16_t *term_row(const struct term *t, uint32_t back, uint32_t r)
{
    return t->cells + (t->top + t->lines - back + r) % t->lines * t->cols;
}

/* The character of code page 437 for a code point from 0x80 on; '?' if it has
 * none. */
uint8_t cp437_of(uint32_t code);
