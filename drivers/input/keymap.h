/* SPDX-License-Identifier: MIT */
/* From scan codes (set 1) to what a terminal would send: characters in UTF-8,
 * control codes, ANSI sequences.  Pure, so that it has a host test; private to
 * drivers/. */
#pragma once

#include "hv/cmdline.h"

#define KEYMAP_MAX_BYTES 8u

struct keymap_state {
    enum hv_keymap layout;
    bool shift_left, shift_right, ctrl_left, ctrl_right, alt, altgr;
    bool caps_lock, num_lock;
    bool extended;     /* the last code was 0xe0 */
    uint8_t skip;      /* codes of the Pause key still to come */
    int8_t page;       /* the last code was Page Up (1) or Page Down (-1) */
};

void keymap_init(struct keymap_state *k, enum hv_keymap layout);

/* Takes one scan code; returns how many bytes were written to out. */
uint32_t keymap_feed(struct keymap_state *k, uint8_t code,
                     uint8_t out[KEYMAP_MAX_BYTES]);
