/* SPDX-License-Identifier: MIT */
/* The page that leads from the firmware's world into the monitor's: code of
 * handover.asm and the data below behind it. C copies it to a page below 4 GiB,
 * fills in the data and jumps there after the boot services have ended. */
#pragma once

#include "image.h"

/* One piece of the monitor; read by handover.asm. */
struct handover_copy {
    uint32_t to, from, bytes, zero_bytes;
};

struct handover_data {
    uint32_t info; /* for EBX */
    uint32_t entry;
    uint32_t n;
    struct handover_copy copy[IMAGE_MAX_SEGMENTS];
};

_Static_assert(sizeof(struct handover_copy) == 16, "handover.asm counts on it");
_Static_assert(offsetof(struct handover_data, copy) == 12, "handover.asm");
_Static_assert(sizeof(struct handover_data) == 12 + 16 * 16, "handover.asm");

/* The code as it lies in the loader, position-independent; where in the page the
 * data goes; the page's end is its stack. */
extern const uint8_t handover_start[], handover_data[], handover_end[];

/* The copy's first byte: does not return. Page is its own address. */
typedef void handover_enter(void *page);
